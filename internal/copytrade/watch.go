package copytrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/market"
)

const (
	reloadEvery = 10 * time.Second // how soon a new holding or setting is watched
	quietAfter  = 15 * time.Second // a contract not heard of for so long is read
	watchPage   = 5000             // contracts read at once
	readMost    = 10               // calls that read quiet contracts, in each round
)

// bounds are the first prices at which anybody's copies of a contract are sold:
// the highest stop-loss and the lowest take-profit. They only spare the database
// quotes that move nothing; it judges for itself.
type bounds struct {
	low, high decimal.NullDecimal
	heard     time.Time // when a quote of it last came
}

// passed reports whether a mark has reached one of them.
func (b bounds) passed(mark decimal.Decimal) bool {
	return b.low.Valid && mark.LessThanOrEqual(b.low.Decimal) || b.high.Valid && mark.GreaterThanOrEqual(b.high.Decimal)
}

// watch is what one process watches the market for.
type watch struct {
	copier *Copier
	page   int // contracts read at once

	mu     sync.Mutex
	bounds map[string]bounds // by OCC symbol
}

// Watch sells copies whose stop-loss or take-profit the market reaches, until ctx
// ends. It follows the quotes of what is held, one subscription for each contract
// however many hold it, and reads those that it hears nothing of. Every process
// may watch; what is reached is written once.
func (c *Copier) Watch(ctx context.Context) error {
	w := &watch{copier: c, page: watchPage, bounds: map[string]bounds{}}
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	stop := func() {}
	defer func() { stop() }()
	for {
		changed, err := w.reload(ctx)
		if err == nil && changed {
			stop()
			stop = w.follow(ctx)
		}
		if err = errors.Join(err, w.readQuiet(ctx)); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "watch what is held of copies", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// watched are the bounds of every contract that somebody holds copies of and has
// not been sold yet, really or on paper, one row for each, however many hold it (index
// subscriptions_guarded, paper_holdings' key). Foreign tables: copy_holdings (index
// copy_holdings_open), positions.
const watched = `
	select symbol, max(low), min(high) from (
	select p.symbol, case when l.id is null then ` + costEach + ` * (1 - s.stop_loss_percent / 100) end as low,
		case when t.id is null then ` + costEach + ` * (1 + s.take_profit_percent / 100) end as high
	from subscriptions s
	join copy_holdings h on h.subscription_id = s.id and h.bought > h.sold
	join positions p on p.id = h.position_id and p.status = 'open'
	left join copy_triggers l on l.subscription_id = s.id and l.position_id = p.id and l.kind = 'stop_loss' and l.bought >= h.bought
	left join copy_triggers t on t.subscription_id = s.id and t.position_id = p.id and t.kind = 'take_profit' and t.bought >= h.bought
	where (s.stop_loss_percent is not null or s.take_profit_percent is not null or s.close_on_expiry_at is not null)
		and (s.stop_loss_percent is not null and l.id is null or s.take_profit_percent is not null and t.id is null) and s.status <> 'cancelled'
		and p.symbol > $1
	union all
	select h.symbol, case when l.id is null then ` + paperCostEach + ` * (1 - s.stop_loss_percent / 100) end,
		case when t.id is null then ` + paperCostEach + ` * (1 + s.take_profit_percent / 100) end
	from subscriptions s
	join paper_holdings h on h.subscription_id = s.id and h.bought > h.sold
	left join copy_triggers l on l.subscription_id = s.id and l.position_id is null and l.symbol = h.symbol and l.kind = 'stop_loss' and l.bought >= h.bought
	left join copy_triggers t on t.subscription_id = s.id and t.position_id is null and t.symbol = h.symbol and t.kind = 'take_profit' and t.bought >= h.bought
	where (s.stop_loss_percent is not null or s.take_profit_percent is not null or s.close_on_expiry_at is not null)
		and (s.stop_loss_percent is not null and l.id is null or s.take_profit_percent is not null and t.id is null) and s.status <> 'cancelled'
		and h.symbol > $1) held
	group by symbol order by symbol limit $2`

// reload reads what is to be watched, and says whether it is other contracts than
// before.
func (w *watch) reload(ctx context.Context) (changed bool, err error) {
	fresh := map[string]bounds{}
	for last, read := "", w.page; read == w.page; {
		before := len(fresh)
		if last, err = w.readPage(ctx, fresh, last); err != nil {
			return false, fmt.Errorf("read what is watched: %w", err)
		}
		read = len(fresh) - before
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	changed = len(fresh) != len(w.bounds)
	for symbol, b := range fresh {
		before, known := w.bounds[symbol]
		changed = changed || !known
		b.heard = before.heard
		fresh[symbol] = b
	}
	w.bounds = fresh
	return changed, nil
}

// readPage reads the contracts behind one, and says which was the last.
func (w *watch) readPage(ctx context.Context, into map[string]bounds, after string) (last string, err error) {
	rows, err := w.copier.db.Pool().Query(ctx, watched, after, w.page)
	if err != nil {
		return "", err
	}
	var low, high decimal.NullDecimal
	_, err = pgx.ForEachRow(rows, []any{&last, &low, &high}, func() error {
		into[last] = bounds{low: low, high: high}
		return nil
	})
	return last, err
}

// follow hears the quotes of what is watched until it is stopped.
func (w *watch) follow(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var ears sync.WaitGroup
	for some := range slices.Chunk(w.symbols(func(bounds) bool { return true }), market.FollowMax) {
		ears.Go(func() { w.hearAll(ctx, some) })
	}
	return func() {
		cancel()
		ears.Wait()
	}
}

func (w *watch) symbols(which func(bounds) bool) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for symbol, b := range w.bounds {
		if which(b) {
			list = append(list, symbol)
		}
	}
	slices.Sort(list)
	return list
}

func (w *watch) hearAll(ctx context.Context, symbols []string) {
	follower, err := w.copier.market.Follow(symbols)
	if err != nil {
		return // without market data nothing is watched; readQuiet says so
	}
	defer follower.Close()
	for {
		quotes, err := follower.Next(ctx)
		if err != nil {
			return
		}
		if err := w.hear(ctx, quotes); err != nil && ctx.Err() == nil {
			w.copier.log.WarnContext(ctx, "judge what is held of copies", "err", err)
		}
	}
}

// hear judges the quotes that reach anybody's bound. A contract that was judged
// rests until its bounds are read again.
func (w *watch) hear(ctx context.Context, quotes []market.Quote) error {
	reaching := w.reaching(quotes)
	if len(reaching) == 0 {
		return nil
	}
	_, err := w.copier.Judge(ctx, reaching)
	return err
}

func (w *watch) reaching(quotes []market.Quote) (list []market.Quote) {
	now := w.copier.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range quotes {
		b, watched := w.bounds[q.Symbol]
		if !watched {
			continue
		}
		b.heard = now
		if mark := q.Mark(); mark != nil && w.copier.judgeable(q) && b.passed(mark.Decimal) {
			list = append(list, q)
			b.low, b.high = decimal.NullDecimal{}, decimal.NullDecimal{}
		}
		w.bounds[q.Symbol] = b
	}
	return list
}

// readQuiet reads what was not heard of for a while, the longest first: the stream may
// be away, or say nothing because nothing changed. More than a round can read wait for
// the next one, and operators are told.
func (w *watch) readQuiet(ctx context.Context) error {
	now := w.copier.now()
	quiet := w.symbols(func(b bounds) bool { return now.Sub(b.heard) >= quietAfter })
	w.oldestFirst(quiet)
	if most := readMost * market.QuotesMax; len(quiet) > most {
		w.copier.count("watch_behind")
		w.copier.log.WarnContext(ctx, "more contracts with a stop-loss or a take-profit are quiet than are read in a round", "quiet", len(quiet), "read", most)
		quiet = quiet[:most]
	}
	var errs []error
	for some := range slices.Chunk(quiet, market.QuotesMax) {
		errs = append(errs, w.readSome(ctx, some))
	}
	return errors.Join(errs...)
}

// readSome reads at most one call's worth.
func (w *watch) readSome(ctx context.Context, quiet []string) error {
	found, err := w.copier.market.Quotes(ctx, quiet)
	if errors.Is(err, market.ErrOff) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read quotes of what is watched: %w", err)
	}
	w.asked(quiet)
	quotes := make([]market.Quote, 0, len(found))
	for _, symbol := range quiet {
		if q, quoted := found[symbol]; quoted {
			quotes = append(quotes, q)
		}
	}
	return w.hear(ctx, quotes)
}

// asked keeps what nobody quotes from being asked for before everything else.
func (w *watch) asked(symbols []string) {
	now := w.copier.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, symbol := range symbols {
		if b, watched := w.bounds[symbol]; watched {
			b.heard = now
			w.bounds[symbol] = b
		}
	}
}

func (w *watch) oldestFirst(symbols []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortStableFunc(symbols, func(a, b string) int { return w.bounds[a].heard.Compare(w.bounds[b].heard) })
}
