package sandbox

import (
	"hash/fnv"
	"math"
)

// Prices inside the simulation are floats: nobody's money is computed from them.
// They leave it rounded to the contract's tick.

const riskFree = 0.04

// model is what Black and Scholes say about one contract.
type model struct {
	Price, Delta, Gamma, Theta, Vega, Rho, IV float64
}

// blackScholes prices an option; years is the time to its expiry.
func blackScholes(spot, strike, vol, years float64, call bool) model {
	years = math.Max(years, 1.0/(365*24*60))
	root := vol * math.Sqrt(years)
	d1 := (math.Log(spot/strike) + (riskFree+vol*vol/2)*years) / root
	d2 := d1 - root
	discount := strike * math.Exp(-riskFree*years)
	sign := -1.0
	if call {
		sign = 1
	}
	m := model{
		Price: sign * (spot*normCDF(sign*d1) - discount*normCDF(sign*d2)),
		Delta: sign * normCDF(sign*d1),
		Gamma: normPDF(d1) / (spot * root),
		Vega:  spot * normPDF(d1) * math.Sqrt(years) / 100,
		Theta: (-spot*normPDF(d1)*vol/(2*math.Sqrt(years)) - sign*riskFree*discount*normCDF(sign*d2)) / 365,
		Rho:   sign * discount * years * normCDF(sign*d2) / 100,
		IV:    vol,
	}
	m.Price = math.Max(m.Price, 0)
	return m
}

func normCDF(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

func normPDF(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

// smile lifts volatility away from the money.
func smile(vol, spot, strike float64) float64 {
	away := math.Log(strike / spot)
	return vol * (1 + 0.35*away*away - 0.12*away)
}

// tick is the price step at a price: a cent under $3, five from there; indexes
// five and ten.
func tick(u underlying, price float64) float64 {
	small, large := 0.01, 0.05
	if u.Kind == "index" {
		small, large = 0.05, 0.10
	}
	if price < 3 {
		return small
	}
	return large
}

func roundTo(price, step float64) float64 {
	return math.Round(math.Round(price/step)*step*100) / 100
}

// spreadOf sets bid and ask around a price, on the tick, the ask at least one
// tick above the bid.
func spreadOf(u underlying, price float64) (bid, ask float64) {
	half := math.Max(0.01, price*0.012)
	bid = roundTo(math.Max(price-half, 0), tick(u, price-half))
	ask = roundTo(price+half, tick(u, price+half))
	if ask <= bid {
		ask = roundTo(bid+tick(u, bid), tick(u, bid))
	}
	return bid, ask
}

// spice is a number in [0,1) that belongs to a text: volumes and sizes that look
// alive and are the same at every run.
func spice(text string) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return float64(h.Sum32()) / (1 << 32)
}
