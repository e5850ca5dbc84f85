package e2e

import (
	"fmt"
	"testing"
)

func TestDbg(t *testing.T) {
	port := freePort(t)
	nginx(t, port)
	o := observe(t, onPort(port))
	for _, s := range []int{200, 201, 204, 301, 404, 500, 503} {
		curl(t, url(port, fmt.Sprintf("/s/%d/x", s)))
	}
	for _, s := range o.settle(14) {
		fmt.Println(s)
	}
	fmt.Println(o.lost(t))
}
