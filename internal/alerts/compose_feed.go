package alerts

import (
	"strconv"
	"strings"

	"github.com/alertsify/alertsify/internal/getstream"
)

// tradeActivity is an alert in the feeds. Key and time are fixed by the alert's
// row, so repeats collapse and revisions replace; numbers are text, because a
// reader would make floats of them.
func tradeActivity(r alertRow, f facts) *getstream.Activity {
	extra := map[string]string{
		"x_symbol":      strings.TrimSpace(f.Contract.Symbol),
		"x_underlying":  f.Contract.Underlying,
		"x_option_type": string(f.Contract.Type),
		"x_strike":      f.Contract.Strike.String(),
		"x_expiration":  f.Contract.Expiration.String(),
		"x_side":        f.Side,
		"x_quantity":    strconv.Itoa(f.Ordered),
		"x_filled":      strconv.Itoa(f.Filled),
		"x_price":       f.Price.String(),
		"x_username":    f.Username,
		"x_position":    r.PositionID.String(),
	}
	if f.Side == sellToClose {
		addResult(extra, f)
	}
	key := "alert:" + r.ID.String()
	return &getstream.Activity{
		Feed:   getstream.FeedRef{Group: getstream.GroupTrade, ID: r.UserID.String()},
		Key:    key,
		Time:   r.at(),
		Actor:  r.UserID.String(),
		Verb:   strings.ToLower(f.Side),
		Object: key,
		To: []getstream.FeedRef{
			{Group: getstream.GroupGlobal, ID: "all"},
			{Group: getstream.GroupSignals, ID: "all"},
		},
		Extra: extra,
	}
}

func addResult(extra map[string]string, f facts) {
	if f.Entry != nil {
		extra["x_entry"] = f.Entry.String()
	}
	extra["x_exit"] = f.Price.String()
	if f.Realized != nil {
		extra["x_pnl"] = f.Realized.String()
	}
	if p := f.percent(); p.Valid {
		extra["x_pnl_percent"] = p.Decimal.String()
	}
}

// notificationActivity puts a notification into its owner's feed.
func notificationActivity(n notificationRow) *getstream.Activity {
	key := "notification:" + n.ID.String()
	extra := map[string]string{"x_title": n.Title, "x_url": n.URL}
	if n.PositionID != nil {
		extra["x_position"] = n.PositionID.String()
	}
	return &getstream.Activity{
		Feed:   getstream.FeedRef{Group: getstream.GroupNotification, ID: n.UserID.String()},
		Key:    key,
		Time:   n.CreatedAt,
		Actor:  n.UserID.String(),
		Verb:   n.Type,
		Object: key,
		Extra:  extra,
	}
}
