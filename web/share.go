package web

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/web/picture"
	"github.com/alertsify/alertsify/web/ui"
)

// Links to public pages are shown elsewhere with a picture. It says what the page itself says
// to who is not signed in, and is asked for without a name: nothing of whoever shared
// the link gets onto it.

const (
	pictureName = "/card.png"
	pictureKept = 10 * time.Minute // in Redis, under what it shows: never wrong, only unused
	minutesKept = time.Minute      // of one that shows the minute: by the next it is unused
	pictureAge  = "public, max-age=60"
	drawnAtOnce = 2 // pictures in work; more wait, so that they cannot take all processors
	ranked      = 5 // traders on the picture of a board
	caution     = "Not advice. Past performance says nothing about the future."
)

// shareRoutes are the lines of the pictures in the route table.
func (s *Site) shareRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: tradersPath + "/{username}" + pictureName, Rule: auth.Open, Class: httpio.Anonymous, Handler: s.traderPicture},
		{Method: "GET", Pattern: leaderboardPath + pictureName, Rule: auth.Open, Class: httpio.Anonymous, Handler: s.boardPicture},
		{Method: "GET", Pattern: statusPath + pictureName, Rule: auth.Open, Class: httpio.Anonymous, Handler: s.statusPicture},
	}
}

// traderPicture answers GET /traders/{username}/card.png; as the page does, not_found for who
// does not publish.
func (s *Site) traderPicture(w http.ResponseWriter, r *http.Request) error {
	v := traderView{}
	var err error
	if v.Profile, err = s.copier.Profile(r.Context(), chi.URLParam(r, "username")); err != nil {
		return err
	}
	if v.Standing, err = s.board.Of(r.Context(), v.Username, record.Monthly); err != nil {
		return err
	}
	return s.answerPicture(w, r, traderCard(v, s.now(), amountsHidden(r)), pictureKept)
}

// boardPicture answers GET /leaderboard/card.png?metric=&period=: the first of that board.
func (s *Site) boardPicture(w http.ResponseWriter, r *http.Request) error {
	page, _, err := s.board.Page(r.Context(), leaderboard.Query{Metric: metricOf(r), Period: periodOf(r), Limit: ranked})
	if err != nil {
		return err
	}
	return s.answerPicture(w, r, boardCard(page, amountsHidden(r)), pictureKept)
}

// statusPicture answers GET /status/card.png.
func (s *Site) statusPicture(w http.ResponseWriter, r *http.Request) error {
	v, err := s.statusNow(r.Context())
	if err != nil {
		return err
	}
	return s.answerPicture(w, r, statusCard(v, s.now()), minutesKept)
}

// answerPicture answers a card. Its tag is what it says, so that who has it is told so
// without anything being drawn.
func (s *Site) answerPicture(w http.ResponseWriter, r *http.Request, c picture.Card, kept time.Duration) error {
	h, tag := w.Header(), `"`+c.Key()+`"`
	h.Set("Cache-Control", pictureAge)
	h.Set("ETag", tag)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // it is made to stand on pages of others
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	body, err := s.drawn(r.Context(), c, kept)
	if err != nil {
		h.Del("ETag")
		h.Del("Cross-Origin-Resource-Policy")
		return err
	}
	h.Set("Content-Type", "image/png")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, err = w.Write(body)
	return err
}

// drawn is the picture of a card, from Redis where it was drawn before. Many who ask for
// the same at once share one drawing, also while Redis is away.
func (s *Site) drawn(ctx context.Context, c picture.Card, kept time.Duration) ([]byte, error) {
	return redis.Cached(ctx, s.cache, "picture:"+c.Key(), kept, func(ctx context.Context) ([]byte, error) {
		select {
		case s.drawing <- struct{}{}:
			defer func() { <-s.drawing }()
			return picture.Draw(c)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

// amountsHidden tells whether a link was shared by somebody who hides amounts: then page and
// picture show none either.
func amountsHidden(r *http.Request) bool { return r.URL.Query().Get("amounts") == "hidden" }

func traderCard(v traderView, now time.Time, hidden bool) picture.Card {
	c := picture.Card{
		Title: v.Name, Under: "@" + v.Username, AsOf: exchange.DayOf(now), Note: caution,
		Figures: []picture.Figure{
			madeFigure("Profit, all time", v.PnL, v.Finished, hidden), {Label: "Profit, 30 days", Value: "—", Tone: picture.Quiet},
			{Label: "Win rate", Value: winRateWords(v.WinRate, v.Finished)}, {Label: "Followers", Value: strconv.Itoa(v.Followers)},
		},
	}
	for _, m := range v.Periods {
		if m.Period == string(record.Monthly) {
			c.Figures[1] = madeFigure(c.Figures[1].Label, m.PnL, m.Finished, hidden)
		}
	}
	if v.VerifiedAt != nil {
		c.Under += " · verified since " + v.VerifiedAt.Format("Jan 2006")
	}
	if v.Standing != nil && v.Standing.Rank != nil {
		c.Under += " · " + leaderboard.Ordinal(*v.Standing.Rank) + " by P&L, 30 days"
	}
	if v.StoppedAt != nil {
		c.Remark = "Has stopped publishing: nothing new is announced or copied for now."
	}
	return c
}

// madeFigure is a profit or loss; nothing for who has finished nothing.
func madeFigure(label string, made money.Amount, finished int, hidden bool) picture.Figure {
	switch {
	case finished == 0:
		return picture.Figure{Label: label, Value: "—", Tone: picture.Quiet}
	case hidden:
		return picture.Figure{Label: label, Value: money.Hidden, Tone: picture.Quiet}
	}
	return picture.Figure{Label: label, Value: made.Signed(), Tone: gainTone(made.Direction())}
}

func gainTone(direction int) picture.Tone {
	switch direction {
	case 1:
		return picture.Gain
	case -1:
		return picture.Loss
	}
	return picture.Quiet
}

func boardCard(page leaderboard.Page, hidden bool) picture.Card {
	c := picture.Card{Title: "Leaderboard", Under: "By " + boardWords(page.Metric, page.Period), Note: caution}
	if page.AsOf != nil {
		c.AsOf = exchange.Moment(*page.AsOf)
	}
	for _, s := range page.Standings {
		row := picture.Row{Name: s.Name, Under: "@" + s.Username}
		if s.Rank != nil {
			row.Lead = strconv.Itoa(*s.Rank)
		}
		row.Value, row.Tone = standingWords(s, page.Metric, hidden)
		c.Rows = append(c.Rows, row)
	}
	if len(c.Rows) == 0 {
		c.Remark = "Nobody is on this board yet."
	}
	return c
}

// standingWords is what a standing is ranked by.
func standingWords(s leaderboard.Standing, metric leaderboard.Metric, hidden bool) (string, picture.Tone) {
	switch metric {
	case leaderboard.ROI:
		if s.ROI != nil {
			return signedPercent(s.ROI), gainTone(s.ROI.Direction())
		}
	case leaderboard.WinRate:
		return winRateWords(s.WinRate, s.Finished), picture.Plain
	case leaderboard.Efficiency:
		if s.Copying.Efficiency != nil {
			return s.Copying.Efficiency.Share(), picture.Plain
		}
	case leaderboard.Followers:
		return strconv.Itoa(s.Followers), picture.Plain
	default:
		f := madeFigure("", s.PnL, s.Finished, hidden)
		return f.Value, f.Tone
	}
	return "—", picture.Quiet
}

func statusCard(v statusView, now time.Time) picture.Card {
	c := picture.Card{Title: "Status", Under: v.Word, Tone: serviceTone(v.Tone), AsOf: exchange.Moment(now)}
	for _, service := range v.Services {
		row := picture.Row{Name: service.Name, Value: service.stateWord(), Tone: serviceTone(service.State)}
		if service.Uptime != "" && service.State == "ok" {
			row.Value = service.Uptime
		}
		c.Rows = append(c.Rows, row)
	}
	if len(c.Rows) > 0 {
		c.Note = "Each is asked once a minute; percentages are of the last 90 days."
	}
	return c
}

func serviceTone(state string) picture.Tone {
	switch state {
	case "ok":
		return picture.Good
	case "error":
		return picture.Bad
	}
	return picture.Wait
}

// What links to the pages say besides: never an amount, since what was said stays where it
// was shown, and the picture is asked for anew.

func (s *Site) shareTrader(r *http.Request, v traderView) *ui.Share {
	about := "What @" + v.Username + " trades, as it fills: " + tradeWords(v.Finished) + " finished, a track record that anybody can check, and how copying works."
	return s.shared(r, v.Name+" (@"+v.Username+") on Alertsify", about, traderLink(v.Username), nil)
}

func (s *Site) shareBoard(r *http.Request, v leaderboardView) *ui.Share {
	about := "Traders by " + boardWords(v.Metric, v.Period) + ", from verified fills. Not advice: past performance says nothing about the future."
	return s.shared(r, "Leaderboard: "+boardWords(v.Metric, v.Period), about, leaderboardPath, url.Values{"metric": {string(v.Metric)}, "period": {string(v.Period)}})
}

func (s *Site) shareStatus(r *http.Request) *ui.Share {
	return s.shared(r, "Alertsify status", "How each part of Alertsify does now, and how it did over the last 90 days.", statusPath, nil)
}

// shared is how a link to a page looks elsewhere. Its address is the page's own, without what
// else was asked for; only the wish to show no amounts goes along.
func (s *Site) shared(r *http.Request, title, about, path string, query url.Values) *ui.Share {
	page, shown := s.origin+path, query
	if isPrivate(r) {
		shown = url.Values{"amounts": {"hidden"}}
		maps.Copy(shown, query)
	}
	return &ui.Share{
		Title: title, About: about,
		Address: address(page, query), Link: address(page, shown), Picture: address(page+pictureName, shown),
	}
}

func boardWords(metric leaderboard.Metric, period record.Period) string {
	return boardWord(boardMetrics, string(metric)) + ", " + strings.ToLower(boardWord(boardPeriods, string(period)))
}

func metricOf(r *http.Request) leaderboard.Metric {
	return leaderboard.Metric(oneOf(r, "metric", words(boardMetrics)...))
}

func periodOf(r *http.Request) record.Period {
	return record.Period(oneOf(r, "period", words(boardPeriods)...))
}
