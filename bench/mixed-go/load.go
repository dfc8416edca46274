package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Done is what the load prints when it is over.
type Done struct {
	// Seconds from the first to the last.
	Seconds      float64 `json:"seconds"`
	Certificates int     `json:"certificates"`
	Updates      int     `json:"updates"`
	// What went wrong, and how often; the first of it in words.
	Failures int    `json:"failures"`
	Failure  string `json:"failure"`
	// Seconds of processor time that it took itself.
	CPU float64 `json:"cpu"`
}

// load proves a name, says "ready", and goes on from the line "begin" to the line "end" of its input.
func load(args []string) {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	server := flags.String("server", "127.0.0.1:53", "address and port that take updates")
	directory := flags.String("directory", "", "URL of the ACME directory")
	apex := flags.String("apex", "", "the zone")
	secret := flags.String("secret", "", "file with the secret of the key \"bench\", hmac-sha256, in base64")
	certificates := flags.Float64("certificates", 100, "a second")
	updates := flags.Float64("updates", 500, "a second")
	must(flags.Parse(args))

	updater := newUpdater(*server, *apex, *secret)
	issuer := newIssuer(*directory, "app."+*apex)
	must(issuer.prove(context.Background(), updater))
	fmt.Println("ready")
	input := bufio.NewScanner(os.Stdin)
	input.Scan()

	ctx, stop := context.WithCancel(context.Background())
	var done Done
	var failed failures
	before, begin := cpuSeconds(), time.Now()
	var both sync.WaitGroup
	both.Go(func() { done.Certificates = inTurn(ctx, *certificates, issuersAtOnce, &failed, issuer.order) })
	both.Go(func() { done.Updates = inTurn(ctx, *updates, updatesAtOnce, &failed, updater.replaceNext) })
	input.Scan()
	stop()
	both.Wait()
	done.Seconds, done.CPU = time.Since(begin).Seconds(), cpuSeconds()-before
	done.Failures, done.Failure = failed.count, failed.first
	report(done)
}

// inTurn does the task at a rate per second, at most so many at once, until the context is done; it returns how often that went well.
func inTurn(ctx context.Context, rate float64, atOnce int, failed *failures, task func() error) int {
	var begun, done atomic.Int64
	begin := time.Now()
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for {
				due := begin.Add(time.Duration(float64(begun.Add(1)-1) / rate * float64(time.Second)))
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Until(due)):
				}
				if err := task(); err != nil {
					failed.add(err)
				} else {
					done.Add(1)
				}
			}
		})
	}
	all.Wait()
	return int(done.Load())
}

// failures counts what went wrong, and keeps the first of it.
type failures struct {
	sync.Mutex
	count int
	first string
}

func (f *failures) add(err error) {
	f.Lock()
	defer f.Unlock()
	if f.count++; f.count == 1 {
		f.first = err.Error()
	}
}
