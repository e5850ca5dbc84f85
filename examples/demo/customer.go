package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// pause leaves time to read the spans of a request.
const pause = 500 * time.Millisecond

var visits = []struct{ method, path, body string }{
	{http.MethodGet, "/products", ""},
	{http.MethodGet, "/products/17?token=secret", ""},
	{http.MethodPost, "/orders", `{"product": 17}`},
	{http.MethodGet, "/nowhere", ""},
	{http.MethodGet, "/reports", ""},
}

// customer visits the shop again and again.
func customer(ctx context.Context) error {
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		visit := visits[i%len(visits)]
		if err := call(ctx, visit.method, visit.path, visit.body); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func call(ctx context.Context, method, path, body string) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close())
}
