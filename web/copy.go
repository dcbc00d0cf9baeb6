package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/web/ui"
)

// copyView is copying from the follower's side.
type copyView struct {
	Approvals     []ui.Approval
	Subscriptions []ui.SubscriptionRow
	Paper         []copytrade.PaperTrader
	Decisions     []ui.DecisionRow
	Seen          ui.View // how the table of decisions is seen
	ReturnTo      string  // the page that shows it
	Failed        bool    // the decisions could not be read
	Drifts        []copytrade.Drift
	Holdings      []copytrade.CopiedHolding
	Triggers      []copytrade.Trigger // the newest
	Followers     *followersView      // for traders
	Consented     *time.Time          // to copying without asking
	Cursor, Next  string
}

// followersView is who copies a trader: a page of them, newest first, and how many in all.
type followersView struct {
	copytrade.Publishing
	Active, Paused int
	Page           []copytrade.Follower
	Served         []copytrade.Capacity // of one signal, within the usual wait
	From, Next     string               // cursors; From is "" on the first page
}

func (v followersView) nextPage() string {
	return "/copy?" + url.Values{"followers": {v.Next}}.Encode() + "#followers"
}

// followers is the page of them behind ?followers=.
func (s *Site) followers(r *http.Request) (*followersView, error) {
	ctx := r.Context()
	v := &followersView{From: r.URL.Query().Get("followers")}
	after, err := cursorAt(v.From)
	if err != nil {
		return nil, err
	}
	if v.Active, v.Paused, err = s.copier.FollowerCount(ctx, me(ctx)); err != nil {
		return nil, err
	}
	var next *copytrade.Cursor
	if v.Page, next, err = s.copier.Followers(ctx, me(ctx), pageSize, (*copytrade.Cursor)(after)); err != nil {
		return nil, err
	}
	if next != nil {
		v.Next = older(next.At, next.ID)
	}
	if v.Publishing, err = s.copier.Publishing(ctx, me(ctx)); err != nil {
		return nil, err
	}
	v.Served, err = s.copier.Capacity(ctx, copytrade.UsualDelay)
	return v, err
}

func (v copyView) fragment() string {
	return "/partials/decisions?" + with(url.Values{"at": {v.ReturnTo}}, v.Seen.Sorting, v.Cursor).Encode()
}

func (v copyView) nextPage() string {
	return "/copy?" + with(url.Values{}, v.Seen.Sorting, v.Next).Encode()
}

func (v copyView) tools() ui.Tools {
	return ui.Tools{Table: ui.Decisions.Name, Of: "copy decisions", CSV: with(url.Values{}, v.Seen.Sorting, "").Encode(), ReturnTo: v.ReturnTo}
}

const (
	approvalsMost = 50
	triggersMost  = 20
)

// copying answers GET /copy.
func (s *Site) copying(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Copying", "/copy")
	if err != nil {
		return err
	}
	view, err := s.copyView(r, here(r))
	if err != nil {
		return err
	}
	picked, err := s.picked(r)
	if err != nil {
		return err
	}
	view.Seen.Chosen = picked[ui.Decisions.Name]
	if p.Person.Trader {
		if view.Followers, err = s.followers(r); err != nil {
			return err
		}
	}
	return s.show(w, r, http.StatusOK, copyPage(p, view))
}

// approvalsPart answers GET /partials/approvals.
func (s *Site) approvalsPart(w http.ResponseWriter, r *http.Request) error {
	subscriptions, err := s.copier.Subscriptions(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	list, err := s.approvals(r.Context(), subscriptions)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, approvalsPanel(list))
}

// decisionsPart answers GET /partials/decisions.
func (s *Site) decisionsPart(w http.ResponseWriter, r *http.Request) error {
	view, err := s.decisions(r, auth.LocalPath(r.URL.Query().Get("at")))
	if err != nil {
		return err
	}
	if view.Seen.Chosen, err = s.chosen(r.Context(), ui.Decisions.Name); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, decisionsPanel(view))
}

// approve answers POST /copy/decisions/{id}/approve. The key is made of the
// decision, so that page, push and API approve the same thing once.
func (s *Site) approve(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	key := copytrade.Key{Text: "approve-" + id.String(), Body: []byte("{}")}
	if _, _, err := s.copier.Approve(r.Context(), me(r.Context()), id, key); err != nil {
		return err
	}
	return back(w, referer(r), "approved")
}

// reject answers POST /copy/decisions/{id}/reject.
func (s *Site) reject(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if _, err := s.copier.Reject(r.Context(), me(r.Context()), id); err != nil {
		return err
	}
	return back(w, referer(r), "rejected")
}

// resume answers POST /copy/subscriptions/{id}/resume.
func (s *Site) resume(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	active := "active"
	if _, err := s.copier.Update(r.Context(), me(r.Context()), id, copytrade.Change{Status: &active}, nil); err != nil {
		return err
	}
	return back(w, "/copy", "resumed")
}

// mute answers POST /copy/subscriptions/{id}/mute.
func (s *Site) mute(w http.ResponseWriter, r *http.Request) error {
	return s.muting(w, r, s.copier.Mute, "muted")
}

// unmute answers POST /copy/subscriptions/{id}/unmute.
func (s *Site) unmute(w http.ResponseWriter, r *http.Request) error {
	return s.muting(w, r, s.copier.Unmute, "unmuted")
}

func (s *Site) muting(w http.ResponseWriter, r *http.Request, do func(context.Context, uuid.UUID, uuid.UUID) (copytrade.Subscription, error), done string) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if _, err := do(r.Context(), me(r.Context()), id); err != nil {
		return err
	}
	return back(w, referer(r), done)
}

// withdrawConsent answers POST /copy/consent/withdraw.
func (s *Site) withdrawConsent(w http.ResponseWriter, r *http.Request) error {
	if err := s.copier.WithdrawConsent(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, "/copy", "consent-withdrawn")
}

// copyView reads copying as the page shows it whose address is given.
func (s *Site) copyView(r *http.Request, page string) (copyView, error) {
	view, err := s.decisions(r, page)
	if s.away(r, err) {
		view, err = copyView{Failed: true, ReturnTo: page}, nil
	}
	if err != nil {
		return copyView{}, err
	}
	ctx := r.Context()
	if view.Holdings, err = s.copier.CopiedHoldings(ctx, me(ctx)); err != nil {
		return copyView{}, err
	}
	if view.Drifts, err = s.copier.Drifts(ctx, me(ctx)); err != nil {
		return copyView{}, err
	}
	if view.Triggers, _, err = s.copier.Triggers(ctx, me(ctx), triggersMost, nil); err != nil {
		return copyView{}, err
	}
	if view.Paper, err = s.copier.Paper(ctx, me(ctx)); err != nil {
		return copyView{}, err
	}
	if view.Consented, err = s.copier.Consented(ctx, me(ctx)); err != nil {
		return copyView{}, err
	}
	list, err := s.copier.Subscriptions(ctx, me(ctx))
	if err != nil {
		return copyView{}, err
	}
	if view.Approvals, err = s.approvals(ctx, list); err != nil {
		return copyView{}, err
	}
	for _, sub := range list {
		view.Subscriptions = append(view.Subscriptions, ui.SubscriptionRow{
			ID: sub.ID.String(), Trader: sub.Trader, Status: sub.Status, Mode: modeWords(sub.Settings), Sentence: settingsSentence(sub), Since: sub.CreatedAt, Unmanaged: unmanagedWords(sub),
			Muted: s.copier.MutedNow(sub),
		})
	}
	return view, nil
}

// decisions reads the page of the ledger that ?sort= and ?cursor= ask for.
func (s *Site) decisions(r *http.Request, page string) (copyView, error) {
	from, err := cursor(r)
	if err != nil {
		return copyView{}, err
	}
	ctx := r.Context()
	view := copyView{Cursor: r.URL.Query().Get("cursor"), ReturnTo: page}
	view.Seen.Sorting = ui.Sorting{Path: "/copy", Columns: decisionSorts}
	view.Seen.Sorting.By, view.Seen.Sorting.Down = sortAsked(r, decisionSorts)
	list, next, err := s.copier.Decisions(ctx, me(ctx), copytrade.Query{Oldest: !view.Seen.Sorting.Down, Limit: pageSize, Cursor: (*copytrade.Cursor)(from)})
	if err != nil {
		return copyView{}, err
	}
	if next != nil {
		view.Next = older(next.At, next.ID)
	}
	view.Decisions = decisionRows(list)
	return view, nil
}

func decisionRows(list []copytrade.Decision) []ui.DecisionRow {
	rows := make([]ui.DecisionRow, 0, len(list))
	for _, d := range list {
		rows = append(rows, decisionRow(d))
	}
	return rows
}

// eachDecision hands over every decision in the order that ?sort= asks for.
func (s *Site) eachDecision(r *http.Request, do func(ui.DecisionRow) error) error {
	ctx := r.Context()
	_, down := sortAsked(r, decisionSorts)
	return everyRow(do, func(after *copytrade.Cursor) ([]ui.DecisionRow, *copytrade.Cursor, error) {
		list, next, err := s.copier.Decisions(ctx, me(ctx), copytrade.Query{Oldest: !down, Limit: sheetPage, Cursor: after})
		return decisionRows(list), next, err
	})
}

// approvals are the decisions that wait, with what they would cost now.
func (s *Site) approvals(ctx context.Context, subscriptions []copytrade.Subscription) ([]ui.Approval, error) {
	list, _, err := s.copier.Decisions(ctx, me(ctx), copytrade.Query{Awaiting: true, Limit: approvalsMost})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, nil
	}
	quotes := s.quotesOf(ctx, list)
	terms, err := s.copyTerms(ctx, subscriptions)
	if err != nil {
		return nil, err
	}
	views := make([]ui.Approval, 0, len(list))
	for _, d := range list {
		view := ui.Approval{
			ID: d.ID.String(), Subscription: d.SubscriptionID.String(), Paper: d.Paper, Trader: d.Trader, Side: string(d.Side), Contract: d.Contract, Theirs: d.SourcePrice,
			SourceQuantity: d.SourceQuantity, Quantity: d.Quantity, ExpiresAt: d.ExpiresAt,
		}
		if q, ok := quotes[d.Contract.Symbol]; ok {
			view.Now, view.NowAt, view.Cost = q.Mark(), s.quoteTime(q), costNow(d, q)
		}
		view.AtMost = terms.limit(d)
		if view.Cost != nil {
			view.BuyingPowerAfter = terms.left(d, *view.Cost)
		}
		views = append(views, view)
	}
	return views, nil
}

// copyTerms are what a person's copies are placed with.
type copyTerms struct {
	settings map[uuid.UUID]copytrade.Settings // by subscription
	accounts []brokers.Account
}

func (s *Site) copyTerms(ctx context.Context, subscriptions []copytrade.Subscription) (t copyTerms, err error) {
	t.settings = make(map[uuid.UUID]copytrade.Settings, len(subscriptions))
	for _, sub := range subscriptions {
		t.settings[sub.ID] = sub.Settings
	}
	t.accounts, err = s.accounts.List(ctx, me(ctx))
	return t, err
}

// limit is the most that the copy pays, or the least that it takes.
func (t copyTerms) limit(d copytrade.Decision) *money.Price {
	limit := orders.ExitLimit(d.Contract, d.SourcePrice)
	if d.Side == orders.BTO {
		settings, known := t.settings[d.SubscriptionID]
		if !known {
			return nil
		}
		limit = orders.EntryLimit(d.Contract, d.SourcePrice, settings.MaxSlippagePercent.Decimal)
	}
	return &limit
}

// left is the buying power of the copy's account once it is bought, as the broker
// last said it; nil on paper and where the broker says nothing.
func (t copyTerms) left(d copytrade.Decision, cost money.Amount) *money.Amount {
	own := t.settings[d.SubscriptionID].AccountID
	i := slices.IndexFunc(t.accounts, func(a brokers.Account) bool { return own == nil && a.Selected || own != nil && a.ID == *own })
	if d.Paper || d.Side != orders.BTO || i < 0 || t.accounts[i].BuyingPower == nil {
		return nil
	}
	return &money.Amount{Decimal: t.accounts[i].BuyingPower.Sub(cost.Decimal)}
}

// costNow is what the copy would cost or bring at the side of the market it meets.
func costNow(d copytrade.Decision, q market.Quote) *money.Amount {
	price := q.Ask
	if d.Side == orders.STC {
		price = q.Bid
	}
	if price == nil {
		return nil
	}
	cost := price.Cost(d.Quantity, d.Contract.Multiplier)
	return &cost
}

func modeWords(v copytrade.Settings) string {
	switch {
	case *v.Paper:
		return "paper"
	case *v.AutoExecute:
		return "auto"
	}
	return "approve"
}

func decisionRow(d copytrade.Decision) ui.DecisionRow {
	numbers := decisionNumbers(d.Numbers)
	row := ui.DecisionRow{
		ID: d.ID.String(), Paper: d.Paper, Trader: d.Trader, Side: string(d.Side), At: d.DecidedAt, Contract: d.Contract, Theirs: d.SourcePrice,
		Yours: d.Average, Slippage: d.Slippage(),
		SourceQuantity: d.SourceQuantity, Quantity: d.Quantity, Result: string(d.Result), Reason: d.ReasonText(), Place: d.Place, PlaceOf: d.PlaceOf,
		Numbers: comparedOf(numbers),
	}
	row.Delay, row.Sent = delayOf(numbers, d.SentAfter)
	if d.PositionID != nil {
		row.PositionID = d.PositionID.String()
	}
	return row
}
