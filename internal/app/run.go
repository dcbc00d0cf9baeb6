package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/jobs"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/status"
)

// HTTP limits (correctness §17). Streams and slow answers lift their own.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	headersMax        = 32 << 10

	// drainTime is how long a stop may take: a send in flight has its 45 s.
	drainTime = 55 * time.Second
)

func (a *App) newWorker() (*river.Client[pgx.Tx], error) {
	return jobs.New(jobs.Options{
		DB: a.db, Desk: a.desk, Copier: a.copier, Account: a.account, Logger: a.log, Observe: a.meter.job, Failed: a.jobFailed,
		Rounds: jobs.Rounds{
			SyncOrders: a.desk.SyncOrders, Rank: a.rank, CleanUp: a.untilStop(a.cleanUp), WarmCache: a.untilStop(a.market.Warm), Examine: a.untilStop(a.examine),
		},
	})
}

// untilStop is a job that may take minutes and can be done again: stopping ends it, for another
// instance to begin anew, and does not wait for it as for a send in flight.
func (a *App) untilStop(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(a.ending, cancel)()
		err := do(ctx)
		if err != nil && a.ending.Err() != nil {
			return river.JobSnooze(time.Second)
		}
		return err
	}
}

// askFor puts one of the rounds into the queue, for an outside scheduler.
func (a *App) askFor(ctx context.Context, job string) (asked any, known bool, err error) {
	asked, err = jobs.Ask(ctx, a.db, a.adder, job)
	if errors.Is(err, jobs.ErrUnknown) {
		return nil, false, nil
	}
	return asked, true, err
}

// Listen takes the address, so that Addr is known before Run serves it.
func (a *App) Listen(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", a.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", a.cfg.Addr, err)
	}
	a.listener = l
	return nil
}

// Addr is where the program listens, after Listen.
func (a *App) Addr() net.Addr { return a.listener.Addr() }

// Handler is everything the program answers.
func (a *App) Handler() http.Handler { return a.handler }

// Run serves and works until ctx ends, then stops in order: unready, no new
// claims, requests and sends in flight finished, streams closed. Killing it at
// any moment is safe too.
func (a *App) Run(ctx context.Context) error {
	if a.listener == nil {
		if err := a.Listen(ctx); err != nil {
			return err
		}
	}
	server := &http.Server{
		Handler: a.handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headersMax, ConnState: a.conns.Track,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	// Its jobs would work at once on columns that are not there. A database that is away is
	// waited for.
	if err := postgres.SchemaKnown(ctx, a.db); errors.Is(err, postgres.ErrSchemaBehind) {
		return err
	}
	if err := a.checkPasskeys(ctx); err != nil {
		return err
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var parts sync.WaitGroup
	run := func(list []func(context.Context) error) {
		for _, part := range list {
			parts.Go(func() {
				if err := part(work); err != nil {
					a.log.ErrorContext(ctx, "background work ended", "err", err)
				}
			})
		}
	}
	failed := make(chan error, 2)
	join := func() error {
		if err := a.join(work); err != nil {
			return err
		}
		run(a.works())
		return nil
	}
	if a.db.ReadOnly() { // a standby may become the database, with destinations of before
		parts.Go(func() {
			if a.awaitWrites(work) {
				err := a.ensureDestinations(work)
				if err == nil {
					err = join()
				}
				if err != nil {
					failed <- err
				}
			}
		})
	} else if err := join(); err != nil {
		stopWork()
		parts.Wait()
		return err
	}
	run(a.own())
	parts.Go(func() { failed <- server.Serve(a.listener) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	err = errors.Join(ignoreClosed(err), a.stop(server, stopWork))
	parts.Wait()
	a.leave(ctx)
	return err
}

// checkPasskeys refuses to start in production where people are asked for passkeys that
// browsers do not know at this address.
func (a *App) checkPasskeys(ctx context.Context) error {
	elsewhere, err := a.guard.CheckPasskeys(ctx)
	a.meter.passkeysOf(elsewhere)
	if err != nil {
		return fmt.Errorf("check passkeys: %w", err)
	}
	return nil
}

// join makes this process one of the installation, which writes.
func (a *App) join(ctx context.Context) error {
	if err := a.beat(ctx); err != nil { // before any claim: an instance of another protocol must know of this one
		return err
	}
	a.telling.Store(true)
	if !a.cfg.Part.works() {
		return nil
	}
	if err := a.startWork(ctx); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	return nil
}

// own is what each process does for itself, whether or not anything may be written.
func (a *App) own() []func(context.Context) error {
	return []func(context.Context) error{
		a.runClock, a.runProbe, a.reports.run, a.sentry.Run, a.watchWrites,
		func(ctx context.Context) error { return every(ctx, restEvery, newRest().look) },
		func(ctx context.Context) error {
			return every(ctx, time.Second, func(context.Context) { a.load.Settle() })
		},
	}
}

// works is what happens by itself besides the queue's jobs: that this process shows it
// runs, and what one does for all.
func (a *App) works() []func(context.Context) error {
	beat := func(ctx context.Context) error {
		return every(ctx, status.BeatEvery, a.logged("say that this instance runs", a.beat))
	}
	if !a.cfg.Part.works() {
		return []func(context.Context) error{beat}
	}
	return []func(context.Context) error{
		beat,
		a.desk.RunLooks, a.desk.RunSweeper, a.desk.RunWatch, a.copier.Run, a.copier.Watch, a.post.Run, a.workInbox, a.workMailEvents, a.workChatEvents, a.keepTelegramHook, a.workMemberships,
		func(ctx context.Context) error {
			return every(ctx, 2*time.Second, a.logged("look for portal outcomes", a.accounts.SweepVisits))
		},
		func(ctx context.Context) error {
			return every(ctx, 2*time.Second, a.logged("tell what was announced", a.alerts.TellAnnounced))
		},
		func(ctx context.Context) error {
			return every(ctx, 5*time.Second, a.logged("sell what was reached", a.copier.PlaceTriggered))
		},
		func(ctx context.Context) error {
			return every(ctx, time.Minute, a.logged("compare followers and traders", a.copier.FindDrift))
		},
		func(ctx context.Context) error {
			return every(ctx, time.Minute, a.logged("mark unmanaged copies", a.copier.FindUnmanaged))
		},
		func(ctx context.Context) error {
			return every(ctx, 15*time.Second, a.logged("guard copies on their last day", a.copier.GuardExpiry))
		},
		func(ctx context.Context) error {
			return every(ctx, time.Minute, a.logged("sweep broker connections", a.accounts.Sweep))
		},
		func(ctx context.Context) error {
			return every(ctx, time.Minute, a.logged("plan to read holdings", a.desk.PlanHoldings))
		},
		func(ctx context.Context) error {
			return every(ctx, time.Minute, a.logged("settle what expired", a.desk.SettleExpired))
		},
		func(ctx context.Context) error {
			return every(ctx, time.Minute, a.logged("book fees", a.desk.BookFees))
		},
		func(ctx context.Context) error {
			return every(ctx, 10*time.Second, a.logged("add up results", a.rollUp))
		},
		func(ctx context.Context) error {
			return every(ctx, time.Minute, a.logged("complete track records", a.completeRecords))
		},
		func(ctx context.Context) error {
			return every(ctx, 5*time.Minute, a.logged("compare memberships with Whop", a.members.Compare))
		},
		func(ctx context.Context) error {
			return every(ctx, 5*time.Minute, a.logged("count what each key wraps", a.countKeys))
		},
		func(ctx context.Context) error {
			return every(ctx, measureEvery, a.logged("measure", a.measure))
		},
	}
}

func (a *App) logged(doing string, f func(context.Context) error) func(context.Context) {
	return func(ctx context.Context) {
		if a.db.ReadOnly() {
			return
		}
		if err := f(ctx); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "background work failed", "doing", doing, "err", err)
		}
	}
}

// workInbox works SnapTrade's webhooks: the truth is read from the provider, an
// event only says where to look.
func (a *App) workInbox(ctx context.Context) error {
	a.inbox.Work(ctx, hooks.Provider, func(ctx context.Context, e inbox.Event) error {
		hint, err := a.accounts.Receive(ctx, e)
		if err != nil {
			return err
		}
		if hint.LookOrders {
			if err := a.desk.PullLook(ctx, hint.AccountID); err != nil {
				return err
			}
		}
		if hint.ReadHoldings {
			if err := a.desk.HintHoldings(ctx, hint.AccountID); err != nil {
				return err
			}
		}
		if hint.ReadBalance {
			_, err = a.accounts.RefreshBalance(snaptrade.WithClass(ctx, snaptrade.Sync), hint.UserID, hint.AccountID)
		}
		return err
	})
	return nil
}

// workMailEvents works what Resend reports about our mails.
func (a *App) workMailEvents(ctx context.Context) error {
	a.inbox.Work(ctx, hooks.ResendProvider, a.post.ReceiveMail)
	return nil
}

// workMemberships works what Whop tells of memberships and payments.
func (a *App) workMemberships(ctx context.Context) error {
	a.inbox.Work(ctx, hooks.WhopProvider, a.members.Receive)
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// stop ends everything in reverse: the doors first.
func (a *App) stop(server *http.Server, stopWork context.CancelFunc) error {
	a.end()
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	<-time.After(time.Duration(a.cfg.StopDelay) * time.Second)
	a.hub.Close() // open streams would keep the server from ever being idle
	a.streams.Close()
	err := server.Shutdown(ctx)
	if a.worker != nil {
		if stopErr := a.worker.Stop(ctx); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("stop jobs: %w", stopErr))
		}
	}
	stopWork()
	return err
}

// Use takes a listener that somebody opened already.
func (a *App) Use(l net.Listener) { a.listener = l }
