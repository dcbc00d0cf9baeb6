package orders

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// Preview says what an order would cost or bring and what speaks against it. It
// writes nothing. Refusals are the same faults as placing gives.
func (d *Desk) Preview(ctx context.Context, user uuid.UUID, r Request) (Preview, error) {
	in, err := d.intentOf(ctx, r)
	if err != nil {
		return Preview{}, err
	}
	dr, err := d.draft(ctx, user, in)
	if err != nil {
		return Preview{}, err
	}
	d.askAfter(ctx, &dr)
	warnings, err := d.previewChecks(ctx, &dr)
	if err != nil {
		return Preview{}, err
	}
	p := estimate(dr)
	p.Warnings = append(p.Warnings, warnings...)
	d.askImpact(ctx, dr, &p)
	if p.CashEffect != nil && dr.facts.BuyingLeft != nil {
		after := dr.facts.BuyingLeft.Add(p.CashEffect.Decimal)
		if p.Fees != nil {
			after = after.Sub(p.Fees.Decimal)
		}
		p.BuyingPowerAfter = &money.Amount{Decimal: after}
	}
	return p, nil
}

// askAfter learns what a sale's proceeds are added to, for people to read. The sale
// itself waits for no balance, and reads none when it is placed.
func (d *Desk) askAfter(ctx context.Context, dr *Draft) {
	if dr.intent.Side != STC {
		return
	}
	short, cancel := context.WithTimeout(ctx, d.lookUpTime)
	defer cancel()
	d.askBalance(short, dr)
}

// previewChecks runs the checks of T1 that change nothing.
func (d *Desk) previewChecks(ctx context.Context, dr *Draft) (warnings []string, err error) {
	err = d.db.As(ctx, dr.user, func(ctx context.Context, tx pgx.Tx) error {
		rules, err := d.rules.For(ctx, tx, d.tradeOf(*dr))
		if err != nil {
			return err
		}
		if err := d.checkAccount(ctx, tx, *dr); err != nil {
			return err
		}
		if dr.facts.BuyingLeft, err = d.buyingLeft(ctx, tx, dr.account, uuid.Nil); err != nil {
			return err
		}
		if warnings, err = rules.Check(dr.facts); err != nil {
			return err
		}
		days, err := d.dayTrades(ctx, tx, *dr)
		if text := days.warning(dr.intent.Side); text != "" {
			warnings = append(warnings, text)
		}
		return err
	})
	return warnings, err
}

// estimate reckons from the order's price, or from the quote.
func estimate(dr Draft) Preview {
	p := Preview{Source: "none", Warnings: []string{}, Contract: dr.contract, Bid: dr.facts.Bid, Ask: dr.facts.Ask}
	if dr.quote != nil {
		at := dr.quote.At.UTC()
		p.QuoteAt = &at
	}
	price := dr.facts.Price()
	if price == nil && dr.facts.Entry {
		price = dr.facts.Ask
	}
	if price == nil {
		price = dr.facts.Bid
	}
	if price == nil {
		return p
	}
	p.Source = "estimate"
	value := price.Cost(dr.intent.Quantity, dr.contract.Multiplier)
	if !dr.facts.Entry {
		p.CashEffect = &value
		return p
	}
	p.CashEffect = &money.Amount{Decimal: value.Neg()}
	p.MaxLoss = &value
	even := breakEven(dr.contract, *price)
	p.BreakEven = &even
	return p
}

// breakEven is the underlying's price at expiration where an entry neither
// gains nor loses, fees aside.
func breakEven(c exchange.Contract, premium money.Price) money.Price {
	if c.Type == exchange.Put {
		return money.Price{Decimal: c.Strike.Sub(premium.Decimal)}
	}
	return money.Price{Decimal: c.Strike.Add(premium.Decimal)}
}

// askImpact takes the broker's own figures where it has them. A missing preview
// does not forbid the order, and an unknown fee stays unknown.
func (d *Desk) askImpact(ctx context.Context, dr Draft, p *Preview) {
	if !d.mayAsk(ctx, dr.user) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d.lookUpTime)
	defer cancel()
	user, err := d.accounts.Credentials(ctx, dr.user)
	if err != nil {
		return
	}
	in := dr.intent
	impact, err := d.broker.OptionImpact(ctx, user, dr.account.BrokerAccountID, snaptrade.OptionOrder{
		Symbol: dr.contract.Symbol, Action: actionOf(in.Side), Units: in.Quantity, Type: wireType(in.Type),
		LimitPrice: decimalOf(in.Limit), StopPrice: decimalOf(in.Stop), TimeInForce: forceOf(in.TimeInForce),
	})
	if err != nil || impact.CashChange == nil {
		return
	}
	cash := impact.CashChange.Abs()
	if impact.Direction == "DEBIT" || impact.Direction != "CREDIT" && in.Side == BTO {
		cash = cash.Neg()
	}
	p.CashEffect, p.Source = &money.Amount{Decimal: cash}, "broker"
	if impact.Fees != nil {
		p.Fees = &money.Amount{Decimal: impact.Fees.Abs()}
		addFees(p, *impact.Fees)
	}
	if cost, known := risk.EntryCost(dr.facts); known && dr.facts.Limit == nil {
		p.MaxLoss = &cost
	}
}

func addFees(p *Preview, fees decimal.Decimal) {
	if p.MaxLoss != nil {
		p.MaxLoss = &money.Amount{Decimal: p.MaxLoss.Add(fees.Abs())}
	}
}
