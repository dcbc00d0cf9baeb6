package delivery

// Hop is a stretch of the way of an alert's message, named by what it ends with.
type Hop string

// The hops, in their order.
const (
	HopLearnt   Hop = "learnt"   // from the fill at the broker to knowing of it
	HopSent     Hop = "sent"     // from there to this attempt, what failed before included
	HopAccepted Hop = "accepted" // from there to the channel's word that it has the message
	HopWhole    Hop = "whole"    // all of it: from the fill, or from knowing of it where the broker gives no time
)

// Hops lists them.
func Hops() []Hop { return []Hop{HopLearnt, HopSent, HopAccepted, HopWhole} }

// observeHops tells of the new messages about fills in what was accepted.
func (p *Post) observeHops(channel string, s sent) {
	if p.observeHop == nil || s.result.Outcome != Accepted {
		return
	}
	for _, d := range s.parcel {
		if d.Op != Create || d.LearntAt == nil {
			continue
		}
		from := *d.LearntAt
		if d.ExecutedAt != nil {
			from = *d.ExecutedAt
			p.observeHop(channel, HopLearnt, max(0, d.LearntAt.Sub(from)))
		}
		p.observeHop(channel, HopSent, max(0, d.claimedAt().Sub(*d.LearntAt)))
		p.observeHop(channel, HopAccepted, s.took)
		p.observeHop(channel, HopWhole, max(0, d.claimedAt().Add(s.took).Sub(from)))
	}
}
