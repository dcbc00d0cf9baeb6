package risk

import (
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
)

// Kind is a limit that users may lower for themselves and operators may set for
// a user.
type Kind struct {
	Name  string // as in the API
	Label string
	Whole bool // a number of contracts; else dollars
	of    func(Limits) money.Amount
	set   func(*Limits, money.Amount)
}

// DayCopyLoss names the loss of copies in a day that stops copying (R14).
const DayCopyLoss = "dayCopyLoss"

// CopyExposure names the dollars that copies of all traders together may hold.
const CopyExposure = "copyExposure"

// Kinds lists them all, in the order in which they are shown.
var Kinds = []Kind{
	inContracts("manualContracts", "Contracts for one order", func(l *Limits) *int { return &l.ManualContracts }),
	inContracts("copyContracts", "Contracts for one copy", func(l *Limits) *int { return &l.CopyContracts }),
	inDollars("manualPremium", "Dollars for one order", func(l *Limits) *money.Amount { return &l.ManualPremium }),
	inDollars("copyPremium", "Dollars for one copy", func(l *Limits) *money.Amount { return &l.CopyPremium }),
	inDollars("dayPremium", "Dollars bought in a day", func(l *Limits) *money.Amount { return &l.DayPremium }),
	inDollars("dayCopyPremium", "Dollars bought by copies in a day", func(l *Limits) *money.Amount { return &l.DayCopyPremium }),
	inDollars(CopyExposure, "Dollars in copies of all traders together", func(l *Limits) *money.Amount { return &l.CopyExposure }),
	inDollars(DayCopyLoss, "Loss of copies in a day that stops copying", func(l *Limits) *money.Amount { return &l.DayCopyLoss }),
}

func inContracts(name, label string, field func(*Limits) *int) Kind {
	return Kind{
		Name: name, Label: label, Whole: true,
		of:  func(l Limits) money.Amount { return money.Amount{Decimal: decimal.NewFromInt(int64(*field(&l)))} },
		set: func(l *Limits, a money.Amount) { *field(l) = int(a.IntPart()) },
	}
}

func inDollars(name, label string, field func(*Limits) *money.Amount) Kind {
	return Kind{
		Name: name, Label: label,
		of:  func(l Limits) money.Amount { return *field(&l) },
		set: func(l *Limits, a money.Amount) { *field(l) = a },
	}
}
