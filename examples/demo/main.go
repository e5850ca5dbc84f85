// Command demo runs a small web shop and a customer, which know nothing of
// telemetry, beside a collector that watches them:
//
//	demo [-for 20s] bin/otelcol-ebpf --config examples/demo.yaml
//
// It ends after the given time, on Ctrl-C, or when the collector does.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

const address = "127.0.0.1:18080"

func main() {
	log.SetFlags(0)
	period := flag.Duration("for", 20*time.Second, "how long to run; 0 runs until Ctrl-C")
	flag.Parse()
	if err := runFor(*period, flag.Args()); err != nil {
		log.Fatalln("demo:", err)
	}
}

// runFor runs until the period is over or the user stops it.
func runFor(period time.Duration, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if period > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, period)
		defer cancel()
	}
	return run(ctx, args)
}

const hint = `
That was a shop, a customer, and what a collector saw of them.
To see every process of this host in Jaeger instead, start Jaeger and run:
    sudo JAEGER=127.0.0.1:4317 bin/otelcol-ebpf --config examples/jaeger.yaml`

// run does what the first argument says: a role of the demo, or the command of
// a collector to run beside both roles.
func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("say which collector to run: demo bin/otelcol-ebpf --config examples/demo.yaml")
	case args[0] == "shop":
		return shop(ctx)
	case args[0] == "customer":
		return customer(ctx)
	}
	err := together(ctx, args)
	if err == nil {
		log.Println(hint)
	}
	return err
}

// together runs both roles in processes of their own until the collector ends.
func together(ctx context.Context, collector []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The collector ends last: until then it delivers what the roles did.
	roles, stopRoles := context.WithCancel(ctx)
	var started []*exec.Cmd
	for _, role := range []string{"shop", "customer"} {
		c := command(roles, self, "-for=0", role)
		c.Env = append(os.Environ(), "OTEL_SERVICE_NAME="+role)
		if err = c.Start(); err != nil {
			break
		}
		started = append(started, c)
	}
	if err == nil {
		err = command(ctx, collector...).Run()
	}
	stopRoles()
	for _, c := range started {
		_ = c.Wait() // how a role ended is of no interest
	}
	if ctx.Err() != nil && wasStopped(err) {
		return nil
	}
	return err
}

// command returns a command that is asked to stop when ctx is done.
func command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	return c
}

// wasStopped reports whether err says no more than that a command was stopped.
func wasStopped(err error) bool {
	return err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
