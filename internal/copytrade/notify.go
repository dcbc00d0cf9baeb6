package copytrade

import (
	"context"
	"fmt"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/orders"
)

// madeNow are the decisions c of this transaction: they bear its time.
const madeNow = `c.decided_at = now()`

// asking says whether a question can have been put before.
type asking bool

const (
	firstAsked asking = true // the decisions were made in this transaction: nobody was asked about them; their terms and their trader are arguments
	askedAgain asking = false
)

// termsOf are the quantity and the price that decision c is about, in words. Writing
// the price takes as long as half of a question; those made at once have it in common.
const termsOf = `c.source_quantity || ' at $' || to_char(c.source_price, 'FM999,999,990.0099') || '. '`

// ask puts a question to the followers whose answer is needed, of the decisions c
// about an order that meet a condition. decisionId is what puts Approve and Reject
// on a push, so no other message of a decision has it.
func (c *Copier) ask(ctx context.Context, tx pgx.Tx, leader orders.Order, how asking, condition string, args pgx.NamedArgs) error {
	each := alerts.Each{Type: alerts.CopyTradeAlert, Args: pgx.NamedArgs{}, ExecutedAt: leader.ExecutedAt, LearntAt: c.now(), New: bool(how)}
	terms := termsOf
	if how == firstAsked {
		terms = `@terms`
	}
	verb, brief := "bought", `'Copy ' || c.quantity || '?'`
	if leader.Side == orders.STC {
		each.Type, verb, brief = alerts.CopyTradeClose, "sold", `'Sell ' || c.quantity || ' of your ' || c.held || ' copied?'`
	}
	maps.Copy(each.Args, args)
	each.Args["order"], each.Args["position"] = leader.ID, leader.PositionID
	trader, known := args["trader"].(string)
	if !known {
		var err error
		if trader, err = c.nameOf(ctx, tx, leader.UserID); err != nil {
			return err
		}
	}
	each.Args["what"] = "@" + trader + " " + verb + " " + leader.Contract.Display()
	each.Query = `
		select c.user_id, case when c.paper then 'Paper: ' else '' end || @what,
			` + terms + ` || ` + brief + `, ` + brief + `, '/copy', jsonb_build_object('decisionId', c.id),
			c.id::text, @position::uuid, c.expires_at
		from copy_decisions c where c.leader_order_id = @order and c.result = 'awaiting_approval' and ` + condition
	return c.alerts.NotifyEach(ctx, tx, each)
}

// show lets the open pages of those who were asked know, for the same decisions as ask.
func (c *Copier) show(ctx context.Context, tx pgx.Tx, leader orders.Order, condition string, args pgx.NamedArgs) error {
	kind, named := alerts.CopyTradeAlert, pgx.NamedArgs{"order": leader.ID}
	if leader.Side == orders.STC {
		kind = alerts.CopyTradeClose
	}
	maps.Copy(named, args)
	return c.alerts.Show(ctx, tx, kind, `
		select c.user_id, c.id::text from copy_decisions c
		where c.leader_order_id = @order and c.result = 'awaiting_approval' and `+condition, named)
}

// nameOf reads the users table.
func (c *Copier) nameOf(ctx context.Context, tx pgx.Tx, user uuid.UUID) (name string, err error) {
	if err = tx.QueryRow(ctx, `select username from users where id = $1`, user).Scan(&name); err != nil {
		return "", fmt.Errorf("read the name of %s: %w", user, err)
	}
	return name, nil
}

// isoTime writes an instant as the API does, in SQL.
const isoTime = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`

// failure tells that a copy came to nothing, or that an exit left the follower
// holding what the leader sold.
func (c *Copier) failure(d Decision) alerts.Notification {
	title := "Not copied: " + d.Contract.Display()
	if d.Side == orders.STC {
		title = fmt.Sprintf("@%s sold, your copy was not: %s", d.Trader, d.Contract.Display())
	}
	return alerts.Notification{
		UserID: d.FollowerID, Type: alerts.CopyTradeFailed, Title: d.onPaper(title), Body: d.ReasonText(), URL: "/copy",
		Data: map[string]any{"orderId": d.OrderID}, SubjectKey: d.ID.String(), PositionID: d.PositionID, LearntAt: c.now(),
	}
}

// onPaper says of a message when nothing is traded.
func (d Decision) onPaper(title string) string {
	if d.Paper {
		return "Paper: " + title
	}
	return title
}

func (c *Copier) success(d Decision, o orders.Order) alerts.Notification {
	verb := "Bought"
	if o.Side == orders.STC {
		verb = "Sold"
	}
	position := o.PositionID
	return alerts.Notification{
		UserID: d.FollowerID, Type: alerts.CopyTradeExecuted, Title: fmt.Sprintf("%s %d %s", verb, o.Cum, o.Contract.Display()),
		Body:  fmt.Sprintf("At %s, copied from @%s, who traded at %s", o.Average().Display(), d.Trader, d.SourcePrice.Display()),
		Brief: "Copied from @" + d.Trader, URL: "/positions/" + position.String(), Data: map[string]any{"orderId": o.ID},
		SubjectKey: d.ID.String(), PositionID: &position, ExecutedAt: o.ExecutedAt, LearntAt: c.now(),
	}
}
