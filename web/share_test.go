package web

import (
	"bytes"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/web/picture"
)

// tags are what a page says to those who show links to it.
func (p page) shared() map[string]string {
	found := map[string]string{}
	for _, n := range p.tags("meta") {
		name := value(n, "property") + value(n, "name")
		if found[name] != "" {
			p.t.Errorf("two tags %s", name)
		}
		found[name] = value(n, "content")
	}
	for _, n := range p.all("rel", "canonical") {
		found["canonical"] = value(n, "href")
	}
	return found
}

func shareTags(t *testing.T, path string) map[string]string {
	t.Helper()
	return parse(t, get(t, gallery(t), path).Body.String()).shared()
}

// A link to a public page says what it leads to, with a picture; an amount is in none of it,
// for what was said once stays where it was posted.
func TestPublicPagesSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][2]string{
		"/gallery/trader-open":      {"https://alertsify.test/traders/ben", "https://alertsify.test/traders/ben/card.png"},
		"/gallery/leaderboard-open": {"https://alertsify.test/leaderboard?metric=roi&period=monthly", "https://alertsify.test/leaderboard/card.png?metric=roi&period=monthly"},
		"/gallery/status":           {"https://alertsify.test/status", "https://alertsify.test/status/card.png"},
	} {
		got := shareTags(t, path)
		if got["canonical"] != want[0] || got["og:url"] != want[0] || got["og:image"] != want[1] || got["twitter:image"] != want[1] {
			t.Errorf("%s: canonical %q, url %q, image %q", path, got["canonical"], got["og:url"], got["og:image"])
		}
		for _, name := range []string{"description", "og:title", "og:description", "og:site_name", "og:image:alt", "twitter:title", "twitter:description"} {
			if got[name] == "" || strings.Contains(got[name], "$") {
				t.Errorf("%s: %s is %q", path, name, got[name])
			}
		}
		if got["twitter:card"] != "summary_large_image" || got["og:image:width"] != "1200" || got["og:image:height"] != "630" {
			t.Errorf("%s: %v", path, got)
		}
	}
	if got := shareTags(t, "/gallery/dashboard"); got["og:image"] != "" || got["canonical"] != "" {
		t.Errorf("a person's own page has tags for links: %v", got)
	}
}

// Who hides amounts hands on links that show none.
func TestALinkOfWhoHidesAmountsShowsNone(t *testing.T) {
	t.Parallel()
	got := shareTags(t, "/gallery/trader-open?private=on")
	if !strings.HasSuffix(got["og:image"], "/traders/ben/card.png?amounts=hidden") || !strings.HasSuffix(got["og:url"], "/traders/ben?amounts=hidden") || !strings.HasSuffix(got["canonical"], "/traders/ben") {
		t.Errorf("image %q, url %q, canonical %q", got["og:image"], got["og:url"], got["canonical"])
	}
	p := parse(t, get(t, gallery(t), "/gallery/trader-open?private=on").Body.String())
	if link := value(p.one("copy-link"), "data-copy"); !strings.HasSuffix(link, "?amounts=hidden") {
		t.Errorf("the link to copy is %q", link)
	}
	for _, card := range []picture.Card{traderCard(cannedTrader(noon), noon, true), boardCard(leaderboardByPnL(), true)} {
		if text := strings.Join(said(card), " "); strings.Contains(text, "$") || !strings.Contains(text, money.Hidden) {
			t.Errorf("the picture says %q", text)
		}
	}
}

func leaderboardByPnL() leaderboard.Page {
	page := openLeaderboard(noon).Page
	page.Metric = leaderboard.PnL
	return page
}

// said is all that a card says.
func said(c picture.Card) []string {
	words := []string{c.Title, c.Under, c.AsOf, c.Remark, c.Note}
	for _, f := range c.Figures {
		words = append(words, f.Label, f.Value)
	}
	for _, r := range c.Rows {
		words = append(words, r.Lead, r.Name, r.Under, r.Value)
	}
	return words
}

// A picture says what its page says to everybody, in the same words.
func TestAPictureSaysWhatThePageSays(t *testing.T) {
	t.Parallel()
	for path, card := range map[string]picture.Card{
		"/gallery/trader-open": traderCard(publicView(cannedTrader(noon)), noon, false), "/gallery/leaderboard-open": boardCard(openLeaderboard(noon).Page, false),
		"/gallery/status": statusCard(cannedStatus(noon), noon),
	} {
		shown := text(parse(t, get(t, gallery(t), path).Body.String()).root)
		for _, f := range card.Figures {
			if f.Value != "—" && !strings.Contains(shown, f.Value) {
				t.Errorf("%s: the page does not say %q", path, f.Value)
			}
		}
		for _, r := range card.Rows {
			if !strings.Contains(shown, r.Name) || !strings.Contains(shown, r.Value) {
				t.Errorf("%s: the page does not say %q of %q", path, r.Value, r.Name)
			}
		}
		if path != "/gallery/status" && !strings.Contains(card.Note, "Not advice") {
			t.Errorf("%s: results stand alone: %q", path, card.Note)
		}
	}
}

// Zero is grey and has no sign, whatever lies behind it; a loss has a true minus.
func TestPicturesWriteMoneyAsPagesDo(t *testing.T) {
	t.Parallel()
	for amount, want := range map[string]picture.Figure{
		"-0.004": {Value: "$0.00", Tone: picture.Quiet}, "0.004": {Value: "$0.00", Tone: picture.Quiet}, "-1.005": {Value: "−$1.00", Tone: picture.Loss}, "12.5": {Value: "+$12.50", Tone: picture.Gain},
	} {
		if got := madeFigure("", money.MustAmount(amount), 1, false); got != want {
			t.Errorf("%s is %+v", amount, got)
		}
	}
	if got := madeFigure("", money.MustAmount("0"), 0, false); got.Value != "—" {
		t.Errorf("no trades are %q", got.Value)
	}
}

// pictures serves the site's own addresses with the status that it read last.
func pictures(t *testing.T) (*Site, http.Handler) {
	t.Helper()
	cache, err := redis.Open(t.Context(), redis.Options{InProcess: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	site, err := New(Options{Now: func() time.Time { return noon }, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	site.shown.v, site.shown.at = cannedStatus(noon), noon
	return site, httpio.Handler(site.statusPicture)
}

func TestAPictureIsDrawnOnceAndKeptShortly(t *testing.T) {
	t.Parallel()
	_, h := pictures(t)
	first := get(t, h, "/status/card.png")
	if first.Code != http.StatusOK || first.Header().Get("Content-Type") != "image/png" || first.Header().Get("Cache-Control") != "public, max-age=60" {
		t.Fatalf("%d %v", first.Code, first.Header())
	}
	drawn, err := png.Decode(bytes.NewReader(first.Body.Bytes()))
	if err != nil || drawn.Bounds().Dx() != picture.Width || drawn.Bounds().Dy() != picture.Height {
		t.Fatalf("not a picture of the size that is asked for: %v", err)
	}
	again := get(t, h, "/status/card.png")
	if !bytes.Equal(first.Body.Bytes(), again.Body.Bytes()) || first.Header().Get("ETag") != again.Header().Get("ETag") {
		t.Error("the same page has two pictures")
	}
	r := httptest.NewRequest(http.MethodGet, "/status/card.png", nil)
	r.Header.Set("If-None-Match", first.Header().Get("ETag"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("what is known already is answered %d with %d bytes", w.Code, w.Body.Len())
	}
}

// What the page says changes the tag and the picture at once: nothing is kept by its address.
func TestAPictureChangesWithItsPage(t *testing.T) {
	t.Parallel()
	site, h := pictures(t)
	before := get(t, h, "/status/card.png")
	site.shown.v.Word = "Something else than before"
	after := get(t, h, "/status/card.png")
	if before.Header().Get("ETag") == after.Header().Get("ETag") || bytes.Equal(before.Body.Bytes(), after.Body.Bytes()) {
		t.Error("the picture is still that of before")
	}
}

// Many who ask at once wait for a few drawings; without Redis too.
func TestManyPicturesAtOnceAreDrawnAFewAtATime(t *testing.T) {
	t.Parallel()
	site, h := pictures(t)
	for range drawnAtOnce {
		site.drawing <- struct{}{}
	}
	var wait sync.WaitGroup
	codes := make(chan int, 20)
	for range cap(codes) {
		wait.Go(func() { codes <- get(t, h, "/status/card.png").Code })
	}
	select {
	case code := <-codes:
		t.Fatalf("answered %d while all places were taken", code)
	case <-time.After(50 * time.Millisecond):
	}
	for range drawnAtOnce {
		<-site.drawing
	}
	wait.Wait()
	close(codes)
	for code := range codes {
		if code != http.StatusOK {
			t.Errorf("%d", code)
		}
	}
}

// Pictures are asked for without a name, and are the first to go under overload.
func TestPicturesNeedNobodysName(t *testing.T) {
	t.Parallel()
	routes := (&Site{}).shareRoutes()
	for _, route := range routes {
		if route.Rule != auth.Open || route.Class != httpio.Anonymous || route.Method != http.MethodGet {
			t.Errorf("%s: %v %v", route.Pattern, route.Rule, route.Class)
		}
	}
	if len(routes) != 3 {
		t.Errorf("%d pictures", len(routes))
	}
}
