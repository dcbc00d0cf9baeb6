package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

// setup is the form that says how a trader is copied. Values are text, exactly as
// typed, so that a form that comes back with a problem shows what was written.
type setup struct {
	Trader    string
	Action    string            // where the form is sent to
	ID        string            // changing: the subscription's
	Key       string            // subscribing: makes a second click the same request
	Values    url.Values        // of every field
	Fields    map[string]string // what is wrong with each
	Problem   string            // and with the whole
	Plans     string            // where the plan that is missing is bought; empty: it is no matter of plans
	Sentence  string            // the settings in words, once they can be read
	Dry       *copytrade.DryRun // what their latest trades would have come to; nil while nobody can say
	Served    *servedView       // whom the request budget serves; nil while nobody can say
	Again     string            // where the form can be tried out without saving it
	Paper     bool              // changing: the subscription is on paper
	Consented bool
	Accounts  []ui.Account
	Late      []copytrade.LateBroker // whose own app's trades are seen late
}

func (v setup) value(name string) string { return v.Values.Get(name) }

func (v setup) holds(name, value string) bool {
	for _, held := range v.Values[name] {
		if held == value {
			return true
		}
	}
	return false
}

// newCopy answers GET /copy/new: the form for a trader, or the question whom.
func (s *Site) newCopy(w http.ResponseWriter, r *http.Request) error {
	trader := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(r.URL.Query().Get("trader")), "@"))
	v := setup{Trader: trader, Action: "/copy/subscribe", Again: "/copy/new", Key: newKey(), Values: settingsValues(copytrade.Defaults())}
	if from, err := uuid.Parse(r.URL.Query().Get("from")); err == nil { // as on paper, and now for real
		sub, err := s.copier.Subscription(r.Context(), me(r.Context()), from)
		if err != nil {
			return err
		}
		v.Trader, v.Values = sub.Trader, realValues(sub.Settings)
	}
	v.tryOut(r.URL.Query())
	return s.showSetup(w, r, http.StatusOK, v)
}

// subscribe answers POST /copy/subscribe.
func (s *Site) subscribe(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	key, err := keyOf(f)
	if err != nil {
		return err
	}
	v := setup{Trader: f.Get("trader"), Action: "/copy/subscribe", Again: "/copy/new", Key: key.Text, Values: f}
	given, wrong := readSettings(f)
	if len(wrong) > 0 {
		v.Fields = wrong
		return s.showSetup(w, r, http.StatusUnprocessableEntity, v)
	}
	err = s.agree(r.Context(), f, given, copytrade.Defaults())
	if err == nil {
		_, _, err = s.copier.Subscribe(r.Context(), me(r.Context()), copytrade.Key(key), v.Trader, given)
	}
	if err != nil {
		return s.setupAgain(w, r, v, err)
	}
	return back(w, "/copy", "subscribed")
}

// copySettings answers GET /copy/subscriptions/{id}.
func (s *Site) copySettings(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.subscriptionOf(r)
	if err != nil {
		return err
	}
	v := setupOf(sub, settingsValues(sub.Settings))
	v.tryOut(r.URL.Query())
	return s.showSetup(w, r, http.StatusOK, v)
}

// changeCopy answers POST /copy/subscriptions/{id}.
func (s *Site) changeCopy(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.subscriptionOf(r)
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	v := setupOf(sub, f)
	given, wrong := readSettings(f)
	if len(wrong) > 0 {
		v.Fields = wrong
		return s.showSetup(w, r, http.StatusUnprocessableEntity, v)
	}
	if err := s.mayCopy(r.Context(), given, sub.Settings); err != nil {
		return err
	}
	err = s.agree(r.Context(), f, given, sub.Settings)
	if err == nil {
		_, err = s.copier.Update(r.Context(), me(r.Context()), sub.ID, copytrade.Change{Settings: &given}, func() error { return s.guard.Fresh(r.Context()) })
	}
	if err != nil {
		return s.setupAgain(w, r, v, err)
	}
	return back(w, "/copy", "copy-saved")
}

// setupOf is the form that changes a subscription.
func setupOf(sub copytrade.Subscription, values url.Values) setup {
	at := "/copy/subscriptions/" + sub.ID.String()
	return setup{Trader: sub.Trader, Action: at, Again: at, ID: sub.ID.String(), Paper: *sub.Settings.Paper, Values: values}
}

// tryOut takes the form's fields from an address that has them: without script the
// form is tried out by asking for it again.
func (v *setup) tryOut(q url.Values) {
	if !q.Has("scaling.mode") {
		return
	}
	v.Values = q
	_, v.Fields = readSettings(q)
}

// realValues are a paper subscription's settings for a real one beside it.
func realValues(s copytrade.Settings) url.Values {
	no := false
	s.Paper = &no
	return settingsValues(s)
}

// setupPreviewPart answers GET /partials/copy-preview: the typed settings in words,
// and what the trader's latest trades would have come to with them.
func (s *Site) setupPreviewPart(w http.ResponseWriter, r *http.Request) error {
	f := r.URL.Query()
	v := setup{Trader: f.Get("trader"), Values: f}
	if err := s.previewSetup(r.Context(), &v); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, setupPreview(v))
}

// previewSetup says what settings mean. Whatever keeps it from being said, such as a
// trader nobody knows, saving will name.
func (s *Site) previewSetup(ctx context.Context, v *setup) error {
	v.Sentence = sentenceOf(v.Trader, v.Values)
	given, wrong := readSettings(v.Values)
	if len(wrong) > 0 || v.Trader == "" {
		return nil
	}
	run, err := s.copier.DryRun(ctx, me(ctx), v.Trader, given)
	if err != nil {
		return ours(err)
	}
	v.Dry = &run
	v.Served, err = s.served(ctx, v.Trader, *given.MaxDelaySeconds)
	return err
}

// ours keeps what went wrong here; what was given wrongly, saving will name.
func ours(err error) error {
	if fault.Of(err).Status >= http.StatusInternalServerError {
		return err
	}
	return nil
}

func sentenceOf(trader string, f url.Values) string {
	given, wrong := readSettings(f)
	if len(wrong) > 0 || trader == "" || given.Check() != nil {
		return ""
	}
	return settingsSentence(copytrade.Subscription{Trader: trader, Settings: given})
}

// mayCopy asks for the documents before copying may do more than it does now.
func (s *Site) mayCopy(ctx context.Context, given, now copytrade.Settings) error {
	if !given.Loosens(now) {
		return nil
	}
	return s.guard.Agreed(ctx)
}

// agree asks for a fresh sign-in before copying may do more than it does now, and
// records the consent to automation that the form was sent with.
func (s *Site) agree(ctx context.Context, f url.Values, given, now copytrade.Settings) error {
	if given.Loosens(now) {
		if err := s.guard.Fresh(ctx); err != nil {
			return err
		}
	}
	if *given.AutoExecute && f.Get("consent") == copytrade.ConsentVersion {
		return s.copier.Consent(ctx, me(ctx), copytrade.ConsentVersion)
	}
	return nil
}

// subscriptionOf is the subscription that the address names, one's own.
func (s *Site) subscriptionOf(r *http.Request) (copytrade.Subscription, error) {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return copytrade.Subscription{}, err
	}
	return s.copier.Subscription(r.Context(), me(r.Context()), id)
}

// setupAgain shows the form as it was sent, with what is wrong with it.
func (s *Site) setupAgain(w http.ResponseWriter, r *http.Request, v setup, cause error) error {
	refusal := fault.Of(cause)
	if refusal.Status >= http.StatusInternalServerError || refusal.Code == "reauth_required" {
		return cause
	}
	if v.Key != "" {
		v.Key = newKey() // a refusal left nothing behind
	}
	named, _ := refusal.Details["fields"].(map[string]any)
	v.Fields = make(map[string]string, len(named))
	for field, sentence := range named {
		v.Fields[field], _ = sentence.(string)
	}
	if len(v.Fields) == 0 {
		v.Problem = refusal.Public
		v.Plans, _ = refusal.Details["checkout"].(string)
		if refusal.Code == "not_found" {
			v.Problem = "There is no trader of that name, or the account is not yours."
		}
	}
	return s.showSetup(w, r, refusal.Status, v)
}

func (s *Site) showSetup(w http.ResponseWriter, r *http.Request, status int, v setup) (err error) {
	p, err := s.shell(r, "Copy a trader", "/copy")
	if err != nil {
		return err
	}
	v.Accounts = p.Accounts
	if err := s.previewSetup(r.Context(), &v); err != nil {
		return err
	}
	since, err := s.copier.Consented(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	v.Consented = since != nil
	if v.Late, err = s.copier.LateBrokers(r.Context()); err != nil {
		return err
	}
	return s.show(w, r, status, setupPage(p, v))
}

// settingsValues writes settings into the form's fields.
func settingsValues(v copytrade.Settings) url.Values {
	f := url.Values{
		"mode": {modeWords(v)}, "scaling.mode": {v.Scaling.Mode}, "scaling.value": {money.Trim(v.Scaling.Value.Decimal)},
		"maxPositionSize": {strconv.Itoa(*v.MaxPositionSize)}, "maxDailyTrades": {strconv.Itoa(*v.MaxDailyTrades)},
		"maxSlippagePercent": {money.Trim(v.MaxSlippagePercent.Decimal)}, "maxDelaySeconds": {strconv.Itoa(*v.MaxDelaySeconds)},
		"maxSpreadPercent": {money.Trim(v.MaxSpreadPercent.Decimal)}, "sameContract": {*v.SameContract}, "orderType": {*v.OrderType},
		"allowedUnderlyings": {strings.Join(*v.AllowedUnderlyings, " ")}, "deniedUnderlyings": {strings.Join(*v.DeniedUnderlyings, " ")},
		"optionTypes":         *v.OptionTypes,
		"minDaysToExpiration": {boundText(v.MinDaysToExpiration, strconv.Itoa)}, "maxDaysToExpiration": {boundText(v.MaxDaysToExpiration, strconv.Itoa)},
		"maxPremiumPerTrade": {boundText(v.MaxPremiumPerTrade, money.Amount.String)}, "maxOpenPositions": {boundText(v.MaxOpenPositions, strconv.Itoa)},
		"maxExposure": {boundText(v.MaxExposure, money.Amount.String)}, "dailyLossStop": {boundText(v.DailyLossStop, money.Amount.String)},
		"stopLossPercent": {boundText(v.StopLossPercent, percentText)}, "takeProfitPercent": {boundText(v.TakeProfitPercent, percentText)},
		"closeOnExpiryAt": {boundText(v.CloseOnExpiryAt, strings.Clone)},
	}
	if *v.Paper && !*v.AutoExecute {
		f.Set("paperAsk", "on")
	}
	if v.AccountID != nil {
		f.Set("accountId", v.AccountID.String())
	}
	return f
}

func percentText(a money.Amount) string { return money.Trim(a.Decimal) }

func boundText[T any](b copytrade.Bound[T], write func(T) string) string {
	if b.Value == nil {
		return ""
	}
	return write(*b.Value)
}

// readSettings reads every setting from the form; wrong names the fields that
// cannot be read. What is read but out of bounds is copy trading's to refuse.
func readSettings(f url.Values) (v copytrade.Settings, wrong map[string]string) {
	r := fieldReader{f, map[string]string{}}
	mode := f.Get("mode")
	paper := mode == "paper"
	auto := mode == "auto" || paper && f.Get("paperAsk") == ""
	same, kind := cmp.Or(f.Get("sameContract"), "skip"), cmp.Or(f.Get("orderType"), "limit")
	allowed, denied, types := list(f.Get("allowedUnderlyings")), list(f.Get("deniedUnderlyings")), append([]string{}, f["optionTypes"]...)
	v = copytrade.Settings{
		AutoExecute: &auto, Paper: &paper, SameContract: &same, OrderType: &kind, AllowedUnderlyings: &allowed, DeniedUnderlyings: &denied, OptionTypes: &types,
		MaxPositionSize: r.whole("maxPositionSize"), MaxDailyTrades: r.whole("maxDailyTrades"), MaxDelaySeconds: r.whole("maxDelaySeconds"),
		Scaling:            &copytrade.Scaling{Mode: f.Get("scaling.mode"), Value: *r.amount("scaling.value")},
		MaxSlippagePercent: r.amount("maxSlippagePercent"), MaxSpreadPercent: r.amount("maxSpreadPercent"),
		MinDaysToExpiration: bound(r, "minDaysToExpiration", r.whole), MaxDaysToExpiration: bound(r, "maxDaysToExpiration", r.whole),
		MaxOpenPositions: bound(r, "maxOpenPositions", r.whole), MaxPremiumPerTrade: bound(r, "maxPremiumPerTrade", r.amount),
		MaxExposure: bound(r, "maxExposure", r.amount), DailyLossStop: bound(r, "dailyLossStop", r.amount),
		StopLossPercent: bound(r, "stopLossPercent", r.amount), TakeProfitPercent: bound(r, "takeProfitPercent", r.amount),
		CloseOnExpiryAt: bound(r, "closeOnExpiryAt", r.text),
	}
	if text := f.Get("accountId"); text != "" {
		id, err := uuid.Parse(text)
		if err != nil {
			r.wrong["accountId"] = "Choose one of your accounts."
		}
		v.AccountID = &id
	}
	return v, r.wrong
}

// fieldReader reads a form's fields and notes those that it cannot.
type fieldReader struct {
	f     url.Values
	wrong map[string]string
}

func (r fieldReader) whole(name string) *int {
	n, err := strconv.Atoi(strings.TrimSpace(r.f.Get(name)))
	if err != nil {
		r.wrong[name] = "A whole number."
	}
	return &n
}

func (r fieldReader) amount(name string) *money.Amount {
	a, err := money.ParseAmount(strings.TrimSpace(r.f.Get(name)))
	if err != nil {
		r.wrong[name] = "A number such as 250 or 2.5."
	}
	return &a
}

func (r fieldReader) text(name string) *string {
	text := strings.TrimSpace(r.f.Get(name))
	return &text
}

// bound reads a field that may be left empty, which switches the bound off.
func bound[T any](r fieldReader, name string, read func(string) *T) copytrade.Bound[T] {
	if strings.TrimSpace(r.f.Get(name)) == "" {
		return copytrade.Off[T]()
	}
	return copytrade.At(*read(name))
}

// list is tickers set apart by spaces or commas, in capital letters.
func list(text string) []string {
	return append([]string{}, strings.FieldsFunc(strings.ToUpper(text), func(c rune) bool { return c == ' ' || c == ',' || c == '\n' || c == '\t' || c == '\r' })...)
}

// copyingTo names an account for copies, and says where none are made.
func copyingTo(a ui.Account) string {
	if !a.ListsOrders {
		return a.Label() + " (lists no orders: nothing is copied there)"
	}
	return a.Label()
}
