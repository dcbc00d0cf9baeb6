package copytrade

import "encoding/json"

// reasons are why a copy was not made, in words for the follower.
var reasons = map[string]string{
	"scaled_to_zero":         "Your size settings make less than one contract of this trade.",
	"already_held":           "You already hold this contract, or are buying it.",
	"underlying_not_allowed": "It is not among the underlyings you copy.",
	"underlying_denied":      "You do not copy this underlying.",
	"option_type":            "You copy only the other type of option.",
	"expires_too_soon":       "It expires sooner than you allow.",
	"expires_too_late":       "It expires later than you allow.",
	"max_premium":            "One contract costs more than you allow for a trade.",
	"max_open_positions":     "You hold as many copied positions from this trader as you allow.",
	"max_exposure":           "It would put more dollars into this trader's trades than you allow.",
	"max_exposure_total":     "It would put more dollars into copies of all traders together than you allow.",
	"daily_loss_stop":        "Copies of this trader have lost as much today as you allow.",
	"spread_too_wide":        "The spread was wider than you allow.",
	"max_slippage":           "The market asked more than the trader paid and you allow on top.",
	"line_too_long":          "The line was too long: the brokers' request limit would have sent yours later than you allow.",
	"no_account":             "You have no account selected that can trade.",
	"no_order_lists":         "Your broker lists no orders, so nothing is copied there.",
	"too_late":               "The trade was known too late for your settings.",
	"market_closed":          "The market was closed.",
	"no_copy_held":           "You hold nothing copied of this trade that is not already being sold.",
	"leader_flat":            "The trader had already sold.",
	"muted_today":            "You muted this trader for that day.",
	"trader_stopped":         "The trader had stopped publishing, or was not to be copied then.",
	"rejected":               "You rejected it.",
	"expired":                "Nobody answered in time.",
	"trading_halted":         "Trading is halted.",
	"mixed_versions":         "Alertsify was being updated: nothing new is copied while two versions run.",
	"copying_stopped":        "Copying was paused, stopped or lost its consent.",
	"unresolved_order":       "An earlier order was still being checked with the broker.",
	"insufficient_quantity":  "There was nothing left to sell.",
	"risk_account":           "The account was not able to trade.",
	"risk_contract":          "The contract could not be traded.",
	"risk_contracts":         "More contracts than one copy may have.",
	"risk_premium":           "More dollars than one copy may cost.",
	"risk_daily_premium":     "The day's limit for copies was reached.",
	"risk_daily_copies":      "The day's number of copies was used up.",
	"risk_buying_power":      "Not enough buying power.",
	"risk_collar":            "The price was too far from the market.",
	"risk_no_quote":          "There was no fresh quote.",
	"risk_market_closed":     "The market was closed.",
	"risk_price":             "The price was not a legal one.",
	"risk_breaker":           "Copying was paused for safety.",
	"risk_loss_stop":         "The day's loss limit was reached.",
	"order_rejected":         "The broker rejected the order.",
	"user_cancelled":         "You cancelled the order before it was sent.",
	"order_not_sent":         "The order could not be sent in time.",
	"order_cancelled":        "The order was cancelled before it filled.",
	"order_expired":          "The order did not fill during the day.",
	paperPrice:               "On paper: the market's price was not within your limit.",
	"order_not_placed":       "The broker does not list the order; check with your broker.",
}

// ReasonText is the reason in words, empty when there is none. What the broker or
// the order desk said itself follows.
func (d Decision) ReasonText() string {
	if d.Reason == nil {
		return ""
	}
	text, known := reasons[*d.Reason]
	if !known {
		text = *d.Reason
	}
	var said struct{ Words string }
	if json.Unmarshal(d.Numbers, &said) == nil && said.Words != "" {
		text += " (" + said.Words + ")"
	}
	return text
}
