package main

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// shop serves a few routes with their own statuses and delays.
func shop(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /products", answer(http.StatusOK, 5*time.Millisecond))
	mux.HandleFunc("GET /products/{id}", answer(http.StatusOK, 20*time.Millisecond))
	mux.HandleFunc("POST /orders", answer(http.StatusCreated, 150*time.Millisecond))
	mux.HandleFunc("GET /reports", answer(http.StatusInternalServerError, 50*time.Millisecond))

	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answer(status int, delay time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(delay)
		w.WriteHeader(status)
		_, _ = w.Write([]byte("thank you\n")) // a customer that left is no error
	}
}
