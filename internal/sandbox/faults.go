package sandbox

import (
	"slices"
	"strings"
	"sync"
)

// The ways a simulated party can be told to fail. The first group is played for
// every party by wrap; the rest belong to SnapTrade and its webhooks.
const (
	faultError         = "error"               // answers Status (default 500), nothing was done
	faultDelay         = "delay"               // does it, holds the answer for DelayMs
	faultDropBefore    = "drop_before"         // closes the connection, nothing was done
	faultAcceptDrop    = "accept_then_drop"    // does it, closes the connection
	faultAcceptError   = "accept_then_error"   // does it, answers Status (default 500)
	faultAcceptGarbage = "accept_then_garbage" // does it, answers 200 with something unreadable
	faultThrottle      = "throttle"            // answers 429, nothing was done

	faultEcho              = "echo"               // answer an error that repeats the request, address and headers and all
	faultLateListing       = "late_listing"       // an order placed now is listed only after DelayMs
	faultIncompleteListing = "incomplete_listing" // lists leave out the newest order
	faultLowerCum          = "lower_cum"          // reads report one contract less than was filled
	faultNullFill          = "null_fill"          // reads of executed orders leave out quantity and price
	faultFillAfterCancel   = "fill_after_cancel"  // the cancel is taken, then the order fills
	faultDuplicateWebhook  = "duplicate_webhook"  // the webhook is sent twice
	faultReorderWebhooks   = "reorder_webhooks"   // the webhook is sent after the next one
	faultStaleWebhook      = "stale_webhook"      // the webhook is stamped ten minutes ago
	faultBadSignature      = "bad_signature"      // the webhook is signed with another key
	faultBrokenConnection  = "broken_connection"  // the account's connection breaks, the call answers 402
)

var httpFaults = []string{
	faultError, faultDelay, faultDropBefore, faultAcceptDrop,
	faultAcceptError, faultAcceptGarbage, faultThrottle, faultEcho,
}

// Fault is one instruction to fail. Match is a substring of "METHOD /path", the
// path with or without the party's prefix; empty or "*" matches every call.
// Account is a SnapTrade account id, user id or username; empty matches all.
// Count is how many calls it hits; 0 or less means until cleared.
type Fault struct {
	Target  string `json:"target"`
	Match   string `json:"match"`
	Account string `json:"account,omitempty"`
	Mode    string `json:"mode"`
	Count   int    `json:"count"`
	DelayMs int    `json:"delayMs,omitempty"`
	Status  int    `json:"status,omitempty"`
}

// Faults holds the instructions in the order they were given. They live in
// memory only: a restarted sandbox behaves well again.
type Faults struct {
	mu     sync.Mutex
	list   []Fault
	styles map[string]faultStyle
	log    *Log
	// same reports whether the account named in a fault (id or username) is
	// the one a request is about; set once, before the first request.
	same func(named, actual string) bool
}

func newFaults(log *Log) *Faults {
	return &Faults{
		log:    log,
		styles: map[string]faultStyle{},
		same:   func(named, actual string) bool { return named == actual },
	}
}

// Add appends an instruction.
func (f *Faults) Add(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, fault)
}

// List returns what is still in force.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Fault{}, f.list...)
}

// Clear ends all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// Take returns the first HTTP fault (error, delay, drop_before, accept_then_…,
// throttle) in force for a call and uses up one of its counts. methodAndPath is
// "POST /discord/api/…"; an empty account meets only faults without account.
func (f *Faults) Take(target, methodAndPath, account string) (Fault, bool) {
	return f.take(target, methodAndPath, account, httpFaults)
}

// takeMode is Take for one mode only.
func (f *Faults) takeMode(mode, target, methodAndPath, account string) (Fault, bool) {
	return f.take(target, methodAndPath, account, []string{mode})
}

func (f *Faults) take(target, methodAndPath, account string, modes []string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		fault := f.list[i]
		if !slices.Contains(modes, fault.Mode) || !f.meets(fault, target, methodAndPath, account) {
			continue
		}
		f.useUp(i)
		return fault, true
	}
	return Fault{}, false
}

func (f *Faults) meets(fault Fault, target, methodAndPath, account string) bool {
	if fault.Target != target && fault.Target != "" && fault.Target != "*" {
		return false
	}
	if fault.Account != "" && fault.Account != "*" && (account == "" || !f.same(fault.Account, account)) {
		return false
	}
	if fault.Match == "" || fault.Match == "*" {
		return true
	}
	bare := strings.Replace(methodAndPath, " /"+target+"/", " /", 1)
	return strings.Contains(methodAndPath, fault.Match) || strings.Contains(bare, fault.Match)
}

// useUp counts one hit; the last one removes the instruction.
func (f *Faults) useUp(i int) {
	if f.list[i].Count <= 0 {
		return
	}
	f.list[i].Count--
	if f.list[i].Count == 0 {
		f.list = slices.Delete(f.list, i, i+1)
	}
}
