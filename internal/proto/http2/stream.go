package http2

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/grpc"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

const (
	maxOpen  = 1000 // streams of a connection that are followed at once
	maxEarly = 64   // responses that wait for their requests
)

// A stream is a request and its response.
type stream struct {
	id   uint32
	x    *http.Exchange // nil: its request has not come
	call grpc.Call

	course  proto.Course
	capture proto.Capture // what of the response was not seen
	status  int           // zero: unknown
	size    [2]int64      // of the bodies, so far; noBody, or sizeUnknown

	early    bool    // its response was here before its request
	answered bool    // the head of the final response was seen
	ended    [2]bool // END_STREAM was seen, by who sent it
	endedAt  time.Duration
	reset    bool
	resetBy  proto.Side
	code     uint32

	suspect bool          // its response, or the end of it, may be lost
	cutOff  bool          // the end of its request may be lost
	lostAt  time.Duration // since when

	after   uint32    // frames the client had sent when the request ended
	base    [2]uint32 // frames of messages that were sent before this stream's
	own     [2]uint32 // and how many of its own there were since
	updates [2]uint32 // frames of flow control the other side had sent before
}

const (
	noBody      = -1
	sizeUnknown = -2
)

// open begins to follow the stream of a request; st is it if its response came
// before. It returns nil when there are too many.
func (p *parser) open(id uint32, st *stream) *stream {
	p.highest = id
	p.unpaired(id)
	if st != nil {
		return st
	}
	if !p.room() {
		p.count("streams_full")
		return nil
	}
	return p.add(id)
}

func (p *parser) add(id uint32) *stream {
	st := p.free.Get().(*stream)
	*st = stream{id: id, size: [2]int64{noBody, noBody}}
	if p.streams == nil {
		p.streams = make(map[uint32]*stream)
	}
	p.streams[id] = st
	p.most = max(p.most, len(p.streams))
	return st
}

// keepMap is how many streams the map of an idle connection may have had.
const keepMap = 16

func (p *parser) drop(st *stream) {
	delete(p.streams, st.id)
	p.free.Put(st)
	if len(p.streams) == 0 && p.most > keepMap {
		p.streams, p.most = nil, 0
	}
}

// ahead follows a stream whose response is here before its request: the records
// of the two directions can cross on their way from the kernel.
func (p *parser) ahead(id uint32) *stream {
	if len(p.early) == maxEarly || id%2 == 0 {
		return nil
	}
	p.early = append(p.early, id)
	st := p.add(id)
	st.early = true
	return st
}

// unpaired gives up the responses whose requests cannot come any more: a client
// opens its streams in ascending order (RFC 9113 section 5.1.1).
func (p *parser) unpaired(below uint32) {
	left := p.early[:0]
	for _, id := range p.early {
		switch st := p.streams[id]; {
		case id > below:
			left = append(left, id)
		case id < below && st != nil:
			p.drop(st)
			p.count("response_unpaired")
		}
	}
	p.early = left
}

// starts notes where a message began among the others of its direction.
func (p *parser) starts(st *stream, from proto.Side) {
	st.base[from] = p.sides[from].own - 1
	st.own[from] = 0
	st.updates[from] = p.sides[from.Other()].updates
}

// moved notes that bytes of st crossed; frame says that they begin one.
func (p *parser) moved(st *stream, d *proto.Data, frame bool) {
	if frame {
		st.own[d.From]++
	}
	if d.From == proto.Server {
		st.suspect = false // it lives
		st.course.ResponseEnd = d.LastMoment()
	} else {
		st.course.RequestEnd = d.LastMoment()
	}
}

// ends takes the END_STREAM of one side.
func (p *parser) ends(st *stream, d *proto.Data) {
	from := d.From
	s := &p.sides[from]
	st.ended[from] = true
	mixed := s.own-st.base[from] != st.own[from]
	if p.conn.Side == from { // what it sent may have waited for the peer's leave
		mixed = mixed || p.sides[from.Other()].updates != st.updates[from]
	}
	if from == proto.Server {
		st.endedAt = d.Last
		st.course.ResponseMixed = st.course.ResponseMixed || mixed
	} else {
		st.after = s.all
		st.course.RequestMixed = st.course.RequestMixed || mixed
	}
	p.settle(st)
}

// settle ends the exchange when both sides have ended. A response ends a call of
// gRPC whatever the client still sends, unless that came late itself. An end of the request that may be lost is
// not waited for.
func (p *parser) settle(st *stream) {
	if st.x == nil || !st.ended[proto.Server] {
		return
	}
	switch {
	case st.call.Is() && !st.early, st.cutOff && !st.ended[proto.Client]:
		p.finish(st, st.endedAt)
	case st.ended[proto.Client]:
		p.finish(st, st.bothEndedAt())
	}
}

func (st *stream) bothEndedAt() time.Duration {
	if st.call.Is() {
		return st.endedAt
	}
	return max(st.endedAt, st.course.RequestEnd.Time)
}

// mayHaveBody reports whether a response of no bytes says something.
func (st *stream) mayHaveBody() bool {
	return st.status != 204 && st.status != 304 && (st.x == nil || st.x.Method != "HEAD")
}

// finish emits the exchange.
func (p *parser) finish(st *stream, at time.Duration) {
	x := st.x
	x.End = max(at, x.Start)
	x.Capture |= st.capture
	p.tell(st)
	x.RequestSize, x.ResponseSize = st.whole(proto.Client), st.whole(proto.Server)
	x.Finish()
	if st.call.Is() {
		p.calls.Finish(&st.call, x, grpc.Outcome{
			Reset: st.reset, By: st.resetBy, Code: st.code, Status: st.status, After: x.End - x.Start,
		})
	}
	p.emit(&x.Exchange)
	p.sem.Free(x)
	p.drop(st)
}

// whole returns the size of a body that was seen to its end.
func (st *stream) whole(from proto.Side) int64 {
	if !st.ended[from] {
		return noBody
	}
	return st.size[from]
}

// tell completes the course.
func (p *parser) tell(st *stream) {
	k := &st.course
	switch {
	case !st.ended[proto.Client]:
		k.RequestEnd = proto.Moment{}
	case !st.answered && st.own[proto.Server] > 0: // its head was lost
		k.RequestEnd, k.ResponseEnd = proto.Moment{}, proto.Moment{}
	}
	if !st.answered && p.sides[proto.Client].all != st.after {
		k.ResponseMixed = true
	}
	st.x.Course = *k
}
