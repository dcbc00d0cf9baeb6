package httpio

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Connections bounds how many connections a server has: in all, and from one address
// (an IPv6 customer's /64 counts as one). Our proxies and this machine (127.0.0.1, ::1) stand
// for many people, so that only the total holds for them, and a tenth of it is theirs alone:
// while strangers fill the rest, health checks and exits through the proxy come in. Whoever
// sends slowly holds a connection for seconds and can open thousands; what is over a bound is
// closed before anything is read from it. Streams are not counted here once they have begun:
// they have seats (Seats).
type Connections struct {
	o   ConnectionOptions
	now func() time.Time

	mu     sync.Mutex
	open   map[net.Conn]string // the address that each is counted for; empty: none
	from   map[string]int
	warned time.Time
}

// ConnectionOptions say how many are too many.
type ConnectionOptions struct {
	Total, PerAddress int
	Proxies           []netip.Prefix // ours, which stand for many people: only the total counts
	Logger            *slog.Logger
	Refused           func(bound string) // counts refusals, "total" or "address"; may be nil
}

// connectionsWarn is how often a log line says that connections are refused.
const connectionsWarn = time.Minute

// NewConnections makes the bounds of one server; Track is its http.Server.ConnState.
func NewConnections(o ConnectionOptions) *Connections {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	return &Connections{o: o, now: time.Now, open: map[net.Conn]string{}, from: map[string]int{}}
}

// Open is how many there are.
func (c *Connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// Track follows a connection through its states. The server tells of a new one before it
// reads from it, and of none that is closed or taken over ever again.
func (c *Connections) Track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if bound := c.admit(conn); bound != "" {
			_ = conn.Close() // the server's first read fails, and it forgets the connection
			c.o.Refused(bound)
		}
	case http.StateClosed, http.StateHijacked:
		c.forget(conn)
	case http.StateActive, http.StateIdle:
	}
}

// admit counts a connection, or names the bound that it would break.
func (c *Connections) admit(conn net.Conn) (bound string) {
	address := c.counted(conn)
	total := c.o.Total
	if address != "" {
		total -= total / 10
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.open) >= total:
		bound = "total"
	case address != "" && c.from[address] >= c.o.PerAddress:
		bound = "address"
	default:
		c.open[conn] = address
		if address != "" {
			c.from[address]++
		}
		return ""
	}
	if now := c.now(); now.Sub(c.warned) >= connectionsWarn {
		c.warned = now
		c.o.Logger.WarnContext(context.Background(), "connections are refused", "bound", bound, "open", len(c.open), "address", address)
	}
	return bound
}

func (c *Connections) forget(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	address, known := c.open[conn]
	if !known {
		return
	}
	delete(c.open, conn)
	if address != "" {
		release(c.from, address)
	}
}

// thisMachine is where a proxy beside us and health checks come from.
var thisMachine = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}

// counted is the address that a connection counts for; empty for our proxies, for this
// machine, and where there is none.
func (c *Connections) counted(conn net.Conn) string {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return ""
	}
	address := peer.Addr().Unmap().WithZone("")
	if isTrusted(address, c.o.Proxies) || isTrusted(address, thisMachine) {
		return ""
	}
	return AddressKey(address)
}
