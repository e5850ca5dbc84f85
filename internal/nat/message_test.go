package nat

import (
	"encoding/hex"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// little skips where the bytes of the tests would be in another order.
func little(t *testing.T) {
	if one := uint16(1); *(*byte)(unsafe.Pointer(&one)) == 0 {
		t.Skip("the bytes below are those of a little-endian host")
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	require.NoError(t, err)
	return b
}

// question asks for 10.0.0.1:4711 → 10.9.9.9:80, as conntrack(8) writes it.
const question = `
	02000000
	3400 0180
	  1400 0180
	    0800 0100 0a000001
	    0800 0200 0a090909
	  1c00 0280
	    0500 0100 06000000
	    0600 0200 12670000
	    0600 0300 00500000`

func TestEncode(t *testing.T) {
	little(t)
	require.Equal(t, unhex(t, question), encode(nil, translated.original))
}

func TestEncodeQuestion(t *testing.T) {
	little(t)
	require.Equal(t, unhex(t, "48000000 0101 0100 07000000 00000000"+question), encodeQuestion(nil, 7, translated.original))
}

func TestEncodeV6(t *testing.T) {
	little(t)
	require.Equal(t, unhex(t, `
		0a000000
		4c00 0180
		  2c00 0180
		    1400 0300 20010db8000000000000000000000001
		    1400 0400 20010db8000000000000000000000002
		  1c00 0280
		    0500 0100 06000000
		    0600 0200 12670000
		    0600 0300 00500000`), encode(nil, tuple{at("[2001:db8::1]:4711"), at("[2001:db8::2]:80")}))
}

// told is what a kernel says of an entry: encode writes the original tuple.
func told(e entry) []byte {
	b := encode(nil, e.original)
	reply := encode(nil, e.reply)[genericSize:]
	reply[2] = tupleReply
	b = append(b, reply...)
	return put(b, 8, []byte{0, 0, 1, 0}) // CTA_MARK: something nobody asked for
}

func TestDecode(t *testing.T) {
	little(t)
	sixes := entry{
		original: tuple{at("[2001:db8::1]:4711"), at("[2001:db8::2]:80")},
		reply:    tuple{at("[2001:db8::3]:8080"), at("[2001:db8::1]:4711")},
	}
	for _, e := range []entry{translated, sixes} {
		whole := told(e)
		got, err := decode(whole)
		require.NoError(t, err)
		require.Equal(t, e, *got)
		for n := range len(whole) - 8 {
			_, err := decode(whole[:n])
			require.ErrorIs(t, err, errMalformed, "the first %d bytes", n)
		}
	}
}

// recorded is what a kernel 6.18 said of a connection from 10.9.9.1:36084 to
// 10.9.9.9:44563 that it sent to 10.9.9.1:33459. It says that more parts follow
// (NLM_F_MULTI), and none do.
const recorded = `
	d400000000010200070000009b380000
	0200000034000180140001800800010 00a090901080002000a090909 1c000280
	0500010006000000060002008cf40000
	06000300ae13000034000280140001800800010 00a090901080002000a090901
	1c00028005000100060000000600020082b30000060003008cf4000008000300
	000001ae080008000000000008000c00500bce0008000b000000000208000700
	0006978030000480
	2c0001800500010003000000050002000a000000050003000a000000060004002300000006000500 23000000`

func TestDecodeAnswer(t *testing.T) {
	little(t)
	datagram := unhex(t, recorded)
	a, err := decodeAnswer(datagram)
	require.NoError(t, err)
	require.EqualValues(t, 7, a.sequence)
	require.Zero(t, a.errno)
	e, err := decode(a.body)
	require.NoError(t, err)
	require.Equal(t, tuple{at("10.9.9.1:36084"), at("10.9.9.9:44563")}, e.original)
	require.Equal(t, tuple{at("10.9.9.1:33459"), at("10.9.9.1:36084")}, e.reply)
	for n := range datagram {
		_, err := decodeAnswer(datagram[:n])
		require.ErrorIs(t, err, errMalformed, "the first %d bytes", n)
	}
	refusal := unhex(t, `24000000 0200 0000 09000000 00000000 feffffff 00000000000000000000000000000000`)
	a, err = decodeAnswer(refusal)
	require.NoError(t, err)
	require.EqualValues(t, 9, a.sequence)
	require.EqualValues(t, 2, a.errno, "ENOENT")
	refusal[4] = 3 // NLMSG_DONE
	_, err = decodeAnswer(refusal)
	require.ErrorIs(t, err, errMalformed)
}

func TestDecodeOtherProtocol(t *testing.T) {
	b := told(translated)
	b[genericSize+4+20+4+4] = 17 // the original tuple's protocol
	_, err := decode(b)
	require.ErrorIs(t, err, errMalformed)
}

// FuzzDecode takes any datagram.
func FuzzDecode(f *testing.F) {
	f.Add(unhex(f, recorded))
	f.Add(unhex(f, `24000000 0200 0000 09000000 00000000 feffffff 00000000000000000000000000000000`))
	f.Add(encodeQuestion(nil, 1, tuple{at("[::1]:1"), at("[::2]:2")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAnswer(b)
		if err != nil {
			return
		}
		e, err := decode(a.body)
		if err != nil {
			return
		}
		again, err := decode(told(*e))
		require.NoError(t, err)
		require.Equal(t, e, again)
		_, ok := e.beyond(e.original)
		require.True(t, ok)
	})
}
