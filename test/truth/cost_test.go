//go:build linux

package truth

import "time"

// The costs of causes, by what they are.

func everything(g *ground) time.Duration { return g.total() }

func thinking(g *ground) time.Duration { return g.served.Response.First() - g.served.Request.Last() }

func unreadRequest(g *ground) time.Duration { return g.up.unread(reads(&g.served.Request)) }

func accepting(g *ground) time.Duration {
	if g.served.Accepted == 0 {
		return 0
	}
	return g.served.Accepted - g.established()
}

func blockedServer(g *ground) time.Duration { return writing(&g.served.Response) }

func blockedClient(g *ground) time.Duration { return writing(&g.sent.Request) }

func uploading(g *ground) time.Duration { return g.sent.Request.Last() - g.sent.Request.First() }

func connecting(g *ground) time.Duration { return g.connecting() }

func lookingUp(g *ground) time.Duration { return g.sent.Lookup[1] - g.sent.Lookup[0] }

// requestLoss is how long lost bytes of the request were not sent again.
func requestLoss(g *ground) time.Duration {
	return waiting(g.up.resent(g.sent.Request.From, g.sent.Request.To))
}

func answerLoss(g *ground) time.Duration {
	return waiting(g.down.resent(g.served.Response.From, g.served.Response.To))
}

func waiting(resends []resend) (sum time.Duration) {
	for _, r := range resends {
		sum += r.waited
	}
	return sum
}

func givingUp(g *ground) time.Duration { return g.sent.End - g.sent.Request.Last() }
