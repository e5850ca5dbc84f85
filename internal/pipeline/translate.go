package pipeline

import "github.com/edf076de/ebpfreceiver/internal/conn"

// translate returns what looks up a connection's addresses beyond a translation,
// nil when nobody wants it. Connections that carry no known protocol have no spans,
// so they are not looked up.
func (l *lane) translate() func(*conn.Conn) {
	look := l.p.cfg.Translated
	if look == nil || !l.p.traces.wanted() {
		return nil
	}
	return func(c *conn.Conn) {
		var err error
		c.TranslatedLocal, c.TranslatedRemote, err = look(c.NetNS, c.Local, c.Remote)
		if err != nil {
			l.unlooked++
		}
	}
}
