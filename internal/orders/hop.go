package orders

// Hop is a stretch of an order's way, named by what it ends with.
type Hop string

// The hops, in their order. What happens after the fill is the alert's.
const (
	HopCommitted Hop = "committed" // from asking for it to its commit
	HopClaimed   Hop = "claimed"   // from there to its claim
	HopSent      Hop = "sent"      // from there to the request to the broker, the wait for its budget included
	HopAccepted  Hop = "accepted"  // from there to the broker's answer that it has the order
	HopFilled    Hop = "filled"    // from the claim to knowing of its first fill: the market's time, and ours to notice
)

// Hops lists them.
func Hops() []Hop { return []Hop{HopCommitted, HopClaimed, HopSent, HopAccepted, HopFilled} }
