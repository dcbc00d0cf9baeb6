package sandbox

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	trading "github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata/stream"
	"github.com/shopspring/decimal"
)

const compactOption = "AAPL270115C00200000"

func withAlpacaKey(o *Options) { o.AlpacaKey, o.AlpacaSecret = "AK", "AS" }

func (w *testWorld) alpacaData() *marketdata.Client {
	return marketdata.NewClient(marketdata.ClientOpts{
		APIKey: "AK", APISecret: "AS", BaseURL: w.URL() + "/alpaca", RetryLimit: 1, RetryDelay: time.Millisecond,
	})
}

// Alpaca's own client reads a whole chain over several pages.
func TestAlpacasClientReadsTheChain(t *testing.T) {
	t.Parallel()
	w := openWorld(t, withAlpacaKey)
	chain, err := w.alpacaData().GetOptionChain("AAPL", marketdata.GetOptionChainRequest{
		Feed: marketdata.Indicative, ExpirationDate: civil.Date{Year: 2027, Month: 1, Day: 15}, PageLimit: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := 2 * len(underlyingNamed("AAPL").strikes()); len(chain) != want {
		t.Errorf("%d contracts, want %d", len(chain), want)
	}
	call, put := chain[compactOption], chain["AAPL270115P00200000"]
	if call.LatestQuote == nil || call.LatestQuote.AskPrice <= call.LatestQuote.BidPrice || call.LatestQuote.BidPrice <= 0 {
		t.Fatalf("quote %+v", call.LatestQuote)
	}
	if call.Greeks.Delta <= 0 || call.Greeks.Delta >= 1 || put.Greeks.Delta >= 0 || call.ImpliedVolatility <= 0 {
		t.Errorf("call %+v, put %+v, iv %v", call.Greeks, put.Greeks, call.ImpliedVolatility)
	}
}

func TestAlpacasClientFiltersTheChain(t *testing.T) {
	t.Parallel()
	w := openWorld(t, withAlpacaKey)
	chain, err := w.alpacaData().GetOptionChain("SPX", marketdata.GetOptionChainRequest{
		Type: marketdata.Put, StrikePriceGte: 5900, StrikePriceLte: 6000, RootSymbol: "SPXW",
		ExpirationDateLte: civil.Date{Year: 2026, Month: 12, Day: 31},
	})
	if err != nil || len(chain) == 0 {
		t.Fatalf("%d contracts, %v", len(chain), err)
	}
	for symbol := range chain {
		if !strings.HasPrefix(symbol, "SPXW26") || symbol[10] != 'P' {
			t.Errorf("%s passed the filter", symbol)
		}
	}
}

func TestAlpacasClientReadsQuotesAndTrades(t *testing.T) {
	t.Parallel()
	w := openWorld(t, withAlpacaKey)
	w.must(http.MethodPost, "/_sandbox/market", `{"symbol":"`+testOption+`","bid":"3.40","ask":"3.50","last":"3.45","frozen":true}`, nil)
	client := w.alpacaData()
	quote, err := client.GetLatestOptionQuote(compactOption, marketdata.GetLatestOptionQuoteRequest{})
	if err != nil || quote.BidPrice != 3.40 || quote.AskPrice != 3.50 {
		t.Errorf("quote %+v, %v", quote, err)
	}
	trade, err := client.GetLatestOptionTrade(compactOption, marketdata.GetLatestOptionTradeRequest{})
	if err != nil || trade.Price != 3.45 {
		t.Errorf("trade %+v, %v", trade, err)
	}
	stock, err := client.GetLatestQuote("AAPL", marketdata.GetLatestQuoteRequest{})
	if err != nil || stock.BidPrice <= 0 || stock.AskPrice < stock.BidPrice {
		t.Errorf("stock quote %+v, %v", stock, err)
	}
	last, err := client.GetLatestTrade("SPY", marketdata.GetLatestTradeRequest{})
	if err != nil || last.Price <= 0 {
		t.Errorf("stock trade %+v, %v", last, err)
	}
	snapshots, err := client.GetSnapshots([]string{"AAPL", "QQQ"}, marketdata.GetSnapshotRequest{})
	if err != nil || len(snapshots) != 2 || snapshots["QQQ"].LatestQuote == nil {
		t.Errorf("snapshots %+v, %v", snapshots, err)
	}
	unlisted, err := client.GetOptionSnapshots([]string{"AAPL270115C00200001"}, marketdata.GetOptionSnapshotRequest{})
	if err != nil || len(unlisted) != 0 {
		t.Errorf("an unlisted contract: %+v, %v", unlisted, err)
	}
}

func TestAlpacasClientListsContracts(t *testing.T) {
	t.Parallel()
	w := openWorld(t, withAlpacaKey)
	client := trading.NewClient(trading.ClientOpts{APIKey: "AK", APISecret: "AS", BaseURL: w.URL() + "/alpaca"})
	list, err := client.GetOptionContracts(trading.GetOptionContractsRequest{
		UnderlyingSymbols: "AAPL,F", ExpirationDate: civil.Date{Year: 2027, Month: 1, Day: 15}, Type: "call", PageLimit: 50,
	})
	if err != nil || len(list) < 60 {
		t.Fatalf("%d contracts, %v", len(list), err)
	}
	for _, c := range list {
		if c.Symbol == compactOption && (!c.StrikePrice.Equal(decimal.NewFromInt(200)) || c.UnderlyingSymbol != "AAPL") {
			t.Errorf("contract %+v", c)
		}
	}
	clock, err := client.GetClock()
	if err != nil || !clock.IsOpen || !clock.NextClose.After(clock.Timestamp) {
		t.Errorf("clock %+v, %v", clock, err)
	}
}

func TestAlpacaRefusesAnotherKey(t *testing.T) {
	t.Parallel()
	w := openWorld(t, withAlpacaKey)
	client := marketdata.NewClient(marketdata.ClientOpts{APIKey: "AK", APISecret: "guess", BaseURL: w.URL() + "/alpaca"})
	_, err := client.GetLatestQuote("AAPL", marketdata.GetLatestQuoteRequest{})
	var refusal *trading.APIError
	if !errors.As(err, &refusal) || refusal.StatusCode != http.StatusUnauthorized {
		t.Errorf("error %v", err)
	}
}

func (w *testWorld) alpacaStream(secret string) *stream.OptionClient {
	return stream.NewOptionClient(marketdata.Indicative,
		stream.WithBaseURL(strings.Replace(w.URL(), "http://", "ws://", 1)+"/alpaca/v1beta1"),
		stream.WithCredentials("AK", secret), stream.WithReconnectSettings(1, time.Millisecond), stream.WithLogger(quiet{}),
	)
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}

// Alpaca's own client lists what can be searched by name; indexes are no assets.
func TestAssetsNameWhatHasOptions(t *testing.T) {
	t.Parallel()
	w := openWorld(t, withAlpacaKey)
	client := trading.NewClient(trading.ClientOpts{APIKey: "AK", APISecret: "AS", BaseURL: w.URL() + "/alpaca"})
	list, err := client.GetAssets(trading.GetAssetsRequest{Status: "active", AssetClass: "us_equity"})
	if err != nil || len(list) != 25 {
		t.Fatalf("%d assets, %v", len(list), err)
	}
	for _, asset := range list {
		if asset.Symbol == "SPX" || asset.Name == "" || !asset.Tradable || !slices.Contains(asset.Attributes, "has_options") {
			t.Errorf("asset %+v", asset)
		}
	}
	if none, err := client.GetAssets(trading.GetAssetsRequest{AssetClass: "crypto"}); err != nil || len(none) > 0 {
		t.Errorf("crypto: %v, %v", none, err)
	}
}

// Alpaca's own stream client sees a quote move.
func TestAlpacasStreamClientSeesQuotesMove(t *testing.T) {
	t.Parallel()
	w := openWorld(t, withAlpacaKey)
	w.must(http.MethodPost, "/_sandbox/market", `{"symbol":"`+testOption+`","bid":"3.40","ask":"3.50","frozen":true}`, nil)
	quotes := make(chan stream.OptionQuote, 100)
	trades := make(chan stream.OptionTrade, 100)
	client := w.alpacaStream("AS")
	ctx, stop := context.WithCancel(context.Background())
	defer func() {
		stop()
		<-client.Terminated()
	}()
	if err := client.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if err := client.SubscribeToQuotes(func(q stream.OptionQuote) { quotes <- q }, compactOption); err != nil {
		t.Fatal(err)
	}
	if err := client.SubscribeToTrades(func(tr stream.OptionTrade) { trades <- tr }, compactOption); err != nil {
		t.Fatal(err)
	}
	if first := <-quotes; first.Symbol != compactOption || first.BidPrice != 3.40 || first.AskPrice != 3.50 || first.Timestamp.IsZero() {
		t.Errorf("first quote %+v", first)
	}
	w.must(http.MethodPost, "/_sandbox/market", `{"symbol":"`+testOption+`","bid":"3.60","ask":"3.70"}`, nil)
	if next := <-quotes; next.BidPrice != 3.60 {
		t.Errorf("next quote %+v", next)
	}
	if trade := <-trades; trade.Symbol != compactOption || trade.Price <= 0 {
		t.Errorf("trade %+v", trade)
	}
	if err := client.UnsubscribeFromQuotes(compactOption); err != nil {
		t.Error(err)
	}
}

func TestAlpacasStreamRefusesAnotherKey(t *testing.T) {
	t.Parallel()
	w := openWorld(t, withAlpacaKey)
	if err := w.alpacaStream("guess").Connect(context.Background()); !errors.Is(err, stream.ErrInvalidCredentials) {
		t.Errorf("error %v", err)
	}
}
