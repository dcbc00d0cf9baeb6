package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/vmihailenco/msgpack/v5"
)

const (
	streamPace  = 200 * time.Millisecond // how often changed quotes are sent
	streamWrite = 5 * time.Second
	streamLimit = 1000 // contracts one connection may follow
)

// The messages of the option stream, msgpack maps whose first key is T.
type (
	streamNote struct {
		T    string `msgpack:"T"`
		Msg  string `msgpack:"msg"`
		Code int    `msgpack:"code,omitempty"`
	}
	streamSubscription struct {
		T      string   `msgpack:"T"`
		Trades []string `msgpack:"trades"`
		Quotes []string `msgpack:"quotes"`
	}
	streamQuote struct {
		T  string    `msgpack:"T"`
		S  string    `msgpack:"S"`
		At time.Time `msgpack:"t"`
		BX string    `msgpack:"bx"`
		BP float64   `msgpack:"bp"`
		BS uint32    `msgpack:"bs"`
		AX string    `msgpack:"ax"`
		AP float64   `msgpack:"ap"`
		AS uint32    `msgpack:"as"`
		C  string    `msgpack:"c"`
	}
	streamTrade struct {
		T  string    `msgpack:"T"`
		S  string    `msgpack:"S"`
		At time.Time `msgpack:"t"`
		P  float64   `msgpack:"p"`
		Z  uint32    `msgpack:"s"`
		X  string    `msgpack:"x"`
		C  string    `msgpack:"c"`
	}
	// streamAction is what a client sends.
	streamAction struct {
		Action string   `msgpack:"action"`
		Key    string   `msgpack:"key"`
		Secret string   `msgpack:"secret"`
		Trades []string `msgpack:"trades"`
		Quotes []string `msgpack:"quotes"`
	}
)

// follower is one connection to the stream.
type follower struct {
	conn   *websocket.Conn
	market *market
	note   func(streamAction) // keeps what was asked for, to be read in the log

	mu     sync.Mutex
	quotes map[string]contract
	trades map[string]contract
	sent   map[string]quote
	last   map[string]float64
}

// stream is the option WebSocket, /v1beta1/indicative and /v1beta1/opra.
func (a *alpaca) stream(w http.ResponseWriter, r *http.Request) {
	// Before the server hands the connection over and knows of it no more: what ends the
	// server waits for the one or the other.
	a.streams.Add(1)
	defer a.streams.Done()
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	var sending sync.WaitGroup
	defer sending.Wait()
	ctx, stop := context.WithCancel(context.WithoutCancel(r.Context()))
	defer stop()
	f := &follower{
		conn: conn, market: a.market, note: a.noter(r.URL.Path), quotes: map[string]contract{}, trades: map[string]contract{},
		sent: map[string]quote{}, last: map[string]float64{},
	}
	sending.Go(func() {
		select {
		case <-a.closing:
			stop()
		case <-ctx.Done():
		}
	})
	if err := a.welcome(ctx, f); err != nil {
		return
	}
	sending.Go(func() { f.send(ctx, stop) })
	for {
		if err := f.listen(ctx); err != nil {
			return
		}
	}
}

// noter logs subscriptions like requests, with the method WS.
func (a *alpaca) noter(path string) func(streamAction) {
	return func(asked streamAction) {
		a.log.Add("alpaca", "WS", path, http.StatusSwitchingProtocols, map[string]any{
			"action": asked.Action, "quotes": asked.Quotes, "trades": asked.Trades,
		})
	}
}

// welcome greets and checks the key.
func (a *alpaca) welcome(ctx context.Context, f *follower) error {
	if err := f.write(ctx, streamNote{T: "success", Msg: "connected"}); err != nil {
		return err
	}
	action, err := f.read(ctx)
	if err != nil {
		return err
	}
	if action.Action != "auth" || !a.knows(action.Key, action.Secret) {
		_ = f.write(ctx, streamNote{T: "error", Code: 402, Msg: "auth failed"})
		return fmt.Errorf("stream key refused")
	}
	return f.write(ctx, streamNote{T: "success", Msg: "authenticated"})
}

func (f *follower) read(ctx context.Context) (streamAction, error) {
	_, raw, err := f.conn.Read(ctx)
	if err != nil {
		return streamAction{}, err
	}
	var action streamAction
	if err := msgpack.Unmarshal(raw, &action); err != nil {
		return streamAction{}, fmt.Errorf("decode stream action: %w", err)
	}
	return action, nil
}

func (f *follower) write(ctx context.Context, messages ...any) error {
	raw, err := msgpack.Marshal(messages)
	if err != nil {
		return fmt.Errorf("encode stream message: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, streamWrite)
	defer cancel()
	return f.conn.Write(ctx, websocket.MessageBinary, raw)
}

// listen takes one subscription change and confirms what is followed now.
func (f *follower) listen(ctx context.Context) error {
	action, err := f.read(ctx)
	if err != nil {
		return err
	}
	switch action.Action {
	case "subscribe", "unsubscribe":
	default:
		return f.write(ctx, streamNote{T: "error", Code: 400, Msg: "invalid syntax"})
	}
	f.note(action)
	note, now := f.change(action)
	if note.T != "" {
		return f.write(ctx, note)
	}
	return f.write(ctx, now)
}

func (f *follower) change(action streamAction) (streamNote, streamSubscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(action.Quotes, "*") {
		return streamNote{T: "error", Code: 410, Msg: "invalid subscribe action for this feed"}, streamSubscription{}
	}
	on := action.Action == "subscribe"
	if on && len(f.quotes)+len(action.Quotes) > streamLimit {
		return streamNote{T: "error", Code: 405, Msg: "symbol limit exceeded"}, streamSubscription{}
	}
	follow(f.quotes, action.Quotes, on)
	follow(f.trades, action.Trades, on)
	for _, symbol := range action.Quotes {
		delete(f.sent, symbol)
	}
	return streamNote{}, streamSubscription{T: "subscription", Trades: sortedKeys(f.trades), Quotes: sortedKeys(f.quotes)}
}

func follow(set map[string]contract, symbols []string, on bool) {
	for _, symbol := range symbols {
		c, err := parseOCC(symbol)
		switch {
		case err != nil:
		case on:
			set[symbol] = c
		default:
			delete(set, symbol)
		}
	}
}

func sortedKeys(set map[string]contract) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// send passes changed quotes and trades on until the connection ends.
func (f *follower) send(ctx context.Context, stop context.CancelFunc) {
	defer stop()
	ticker := time.NewTicker(streamPace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed := f.changed()
		if len(changed) == 0 {
			continue
		}
		if err := f.write(ctx, changed...); err != nil {
			return
		}
	}
}

// changed collects what moved since it was last sent.
func (f *follower) changed() []any {
	f.mu.Lock()
	defer f.mu.Unlock()
	var messages []any
	for symbol, c := range f.quotes {
		q, listed := f.market.option(c)
		before, known := f.sent[symbol]
		if !listed || (known && before.Bid == q.Bid && before.Ask == q.Ask) {
			continue
		}
		f.sent[symbol] = q
		messages = append(messages, streamQuote{
			T: "q", S: symbol, At: q.At, BX: "C", BP: q.Bid, BS: uint32(q.BidSize), AX: "C", AP: q.Ask, AS: uint32(q.AskSize), C: " ",
		})
	}
	for symbol, c := range f.trades {
		q, listed := f.market.option(c)
		if last, known := f.last[symbol]; !listed || (known && last == q.Last) {
			continue
		}
		f.last[symbol] = q.Last
		messages = append(messages, streamTrade{T: "t", S: symbol, At: q.At, P: q.Last, Z: 1, X: "C", C: "I"})
	}
	return messages
}
