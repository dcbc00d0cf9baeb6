package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/alertsify/alertsify/web"
)

// A desk and a phone: the two windows that every story is told in.
var (
	desk  = window{name: "1440", width: 1440, height: 900}
	phone = window{name: "390", width: 390, height: 844, touch: true}
)

// storiesAtOnce is how many are told at the same time: each keeps a core busy.
const storiesAtOnce = 2

type window struct {
	name          string
	width, height int64 // CSS pixels
	touch         bool
}

// What pages promise, and which test fails when it is not so:
//
//	states are right on two tabs without a reload      TestBrowser/a trader buys and sells
//	a connection that breaks while an order is sent    TestBrowser/the quick line fills the ticket; the broker's: TestBrowser/stop stops,
//	  offers no second try and resolves itself           web.TestAnUnknownOrderOffersNoRetry, TestALostAnswerIsLookedForNotSentAgain
//	a click on the ask fills the ticket                TestBrowser/a trader buys and sells, …/a newcomer trades (chain), web.TestPricesLeadToTheFilledTicket
//	a price of more than 60 s looks old                web/ui.TestOldPricesSayTheyAreOld, TestBrowser/any colour can be read (in an open page)
//	−0.004 is $0.00, in grey                           web/ui.TestGainsAreSignedAndColoured
//	dashboard = calendar = CSV to the cent             TestAPIAnswersAsTheDocumentSays (walkAnalytics), analytics.TestEveryTotalIsTheSumOfTheFills
//	19:30 in New York is that day in Tokyo too         analytics.TestADayIsNewYorks
//	the palettes and a grey print can be read          TestBrowser/any colour can be read, web.TestColourNeverStandsAlone
//	approved after 29.9 s of 30: one order; 30.1: none copytrade.TestAQuestionIsOpenToItsLastMoment
//	STOP with 1,000 queued copies counts right, and    copytrade.TestStopTakesAThousandQueuedCopiesBack, TestProofs (stopsHold)
//	  nothing more is sent
//	the ticket reads well to a screen reader           TestBrowser/the ticket is read aloud, …/the quick line fills the ticket (what is wrong)
//	hidden amounts are hidden                          TestBrowser/appearance stays
//
// TestBrowser tells the product's stories in a real browser: real clicks, taps
// and keys, on the whole product with its sample people. Each story fails at any
// error in the console, request that fails, or page that scrolls sideways or
// that axe finds seriously at fault, in either theme.
func TestBrowser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	run, wait := fewAtOnce(t, storiesAtOnce)
	for _, story := range []struct {
		name    string
		windows []window
		tell    func(*testing.T, *browser, window)
	}{
		{"a newcomer trades", []window{desk, phone}, newcomerTrades},
		{"a trader buys and sells", []window{desk, phone}, traderBuysAndSells},
		{"the quick line fills the ticket", []window{desk, phone}, lineFillsTicket},
		{"followers copy", []window{desk, phone}, followersCopy},
		{"a follower sets up a copy", []window{desk, phone}, followerSetsUp},
		{"notifications arrive", []window{desk, phone}, notificationsArrive},
		{"a push is answered", []window{desk}, pushIsAnswered},
		{"appearance stays", []window{desk, phone}, appearanceStays},
		{"everything works without script", []window{desk, phone}, worksWithoutScript},
		{"the ticket is reached by keys", []window{desk}, ticketByKeys},
		{"stop stops", []window{desk, phone}, stopStops},
		{"a passkey guards an account", []window{phone}, passkeyGuards},
		{"the palette leads anywhere", []window{desk}, paletteLeadsAnywhere},
		{"keys lead anywhere", []window{desk}, keysLeadAnywhere},
		{"the ticket is read aloud", []window{phone}, ticketIsReadAloud},
		{"nothing looks new without a connection", []window{phone}, withoutConnection},
		{"an order is sent once whatever is answered", []window{phone}, orderIsSentOnce},
		{"any colour can be read", []window{desk}, readableInAnyColour},
		{"an operator replays and halts", []window{desk, phone}, operatorReplaysAndHalts},
		{"every page is fit to read", []window{desk, phone}, everyPageIsFit},
		{"a trader stops publishing", []window{desk, phone}, traderStopsPublishing},
	} {
		for _, w := range story.windows {
			run(story.name+"/"+w.name, func(t *testing.T) { story.tell(t, b, w) })
		}
	}
	wait()
}

// browser is one Chromium for all stories; each person has a profile of their own.
type browser struct {
	ctx context.Context
	axe string // the source of axe-core
}

// startBrowser starts Chromium, closed after the test's last story. It can reach
// this machine only.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := findChromium(t)
	if !web.AssetsBuilt() {
		t.Fatal("style and script are not built; run: make assets")
	}
	axe, err := os.ReadFile("../../web/assets/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("axe-core is not installed; run: make assets (%v)", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		// No renderer is kept ready for the next page: under way there are more pages than cores.
		// Nor is the last page shown until the next one is drawn: keys and clicks of that time were
		// thrown away, and nobody presses a key again here.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,SpareRendererForSitePerProcess,PaintHolding"),
		chromedp.Flag("allow-pre-commit-input", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	)
	allocated, closeAllocated := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(closeAllocated)
	ctx, closeBrowser := chromedp.NewContext(allocated)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &browser{ctx: ctx, axe: string(axe)}
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no Chromium: the browser tests need it (on Debian: apt-get install chromium)"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// visitor is somebody new at the site: a profile without cookies, and its first
// tab, whose troubles fail the test.
func (b *browser) visitor(t *testing.T, site string, w window) *tab {
	t.Helper()
	p := b.openTab(t, b.ctx, site, w, chromedp.WithNewBrowserContext())
	p.mind()
	return p
}

// openTab opens a tab and notes its troubles.
func (b *browser) openTab(t *testing.T, from context.Context, site string, w window, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(from, options...)
	t.Cleanup(closeTab)
	p := &tab{t: t, browser: b, ctx: ctx, site: site, window: w, watch: newWatch(site)}
	p.do("listen", chromedp.Func(func(context.Context, *chromedp.Target) error { return chromedp.Listen(ctx, p.watch.see) }))
	p.resize(w)
	p.onPaper("")
	return p
}

// mind makes the tab's troubles the test's.
func (p *tab) mind() {
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.shoot("failed")
		}
		for _, trouble := range p.troubles() {
			p.t.Errorf("the browser reports to %s: %s", p.person, trouble)
		}
	})
}

// shoot keeps a picture of what the window shows in the folder that SCREENSHOTS names.
func (p *tab) shoot(name string) {
	p.pictures++
	p.keep(fileName(p.t.Name(), p.person, p.pictures, name), chromedp.CaptureScreenshot())
}

func (p *tab) keep(file string, picture chromedp.Action[[]byte]) {
	p.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	_, _ = eval[bool](p, settled) // a dialog that is just opening would be missed
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, picture)
	if err != nil {
		p.t.Logf("take a picture: %v", err)
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

const (
	patience = 60 * time.Second // for what must happen in a page
	glance   = 25 * time.Millisecond
)
