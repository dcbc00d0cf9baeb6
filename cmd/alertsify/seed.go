package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/secret"
)

const (
	seedMax      = 100_000 // followers
	positionsMax = 1_000_000
)

// seed fills a development database: with followers whose accounts work at the running
// sandbox, or with somebody's finished positions.
func seed(ctx context.Context, c console, args []string) error {
	f := flags(c, "seed")
	positions := f.Int("positions", 0, "how many finished positions to make, instead of followers")
	whose := f.String("for", "", "username of whoever made them")
	followers := f.Int("followers", 0, "how many followers to make")
	of := f.String("of", "", "username of the trader they follow")
	mode := f.String("mode", copytrade.InventAuto, "how they copy: paper, approve or auto")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	if err := parse(f, args); err != nil {
		return err
	}
	if *positions != 0 || *whose != "" {
		return seedPositions(ctx, c, *positions, *whose, *data)
	}
	modes := []string{copytrade.InventPaper, copytrade.InventApprove, copytrade.InventAuto}
	if *followers < 1 || *followers > seedMax || *of == "" || !slices.Contains(modes, *mode) {
		fmt.Fprintf(c.err, "usage: alertsify seed --followers N --of USER --mode paper|approve|auto (N from 1 to %d)\n", seedMax)
		return errUsage
	}
	sandboxURL, err := sandboxOf(c, *data)
	if err != nil {
		return err
	}
	a, err := idle(ctx, c, app.Development, *data)
	if err != nil {
		return err
	}
	defer a.Close()
	stem, err := stemOf(*mode)
	if err != nil {
		return err
	}
	if err := a.Invent(ctx, *followers, strings.ToLower(*of), *mode, stem, connector(sandboxURL)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "@%s has %d more followers (%s), named %s_…\n", *of, *followers, *mode, stem)
	return err
}

// seedPositions gives somebody finished positions.
func seedPositions(ctx context.Context, c console, n int, whose, data string) error {
	if n < 1 || n > positionsMax || whose == "" {
		fmt.Fprintf(c.err, "usage: alertsify seed --positions N --for USER (N from 1 to %d)\n", positionsMax)
		return errUsage
	}
	a, err := idle(ctx, c, app.Development, data)
	if err != nil {
		return err
	}
	defer a.Close()
	chance := mathrand.New(mathrand.NewPCG(uint64(n), 1))
	if err := a.InventPositions(ctx, n, strings.ToLower(whose), chance); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "@%s has %d more finished positions\n", whose, n)
	return err
}

// stemOf begins the usernames of one run: the mode and six random digits.
func stemOf(mode string) (string, error) {
	random := make([]byte, 3)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return mode + "_" + hex.EncodeToString(random), nil
}

// sandboxOf is the control door that `dev` left in its settings.
func sandboxOf(c console, data string) (string, error) {
	lookup := c.env
	if data != "" {
		file, err := devEnv(data)
		if err != nil {
			return "", err
		}
		lookup = app.Layered(c.env, app.Map(file))
	}
	if v, _ := lookup("SANDBOX_URL"); v != "" {
		return v, nil
	}
	return "", errors.New("SANDBOX_URL is empty; start `alertsify dev` and name its folder with --data")
}

// connector lets the sandbox make the logins.
func connector(sandboxURL string) app.Connector {
	return func(ctx context.Context, ids []uuid.UUID) ([]brokers.Invented, error) {
		body, err := json.Marshal(map[string]any{"users": ids, "broker": devBroker})
		if err != nil {
			return nil, err
		}
		var answer struct {
			Data []struct {
				User                                             uuid.UUID
				Secret                                           string
				Connection, Account, Broker, Institution, Number string
				Cash                                             decimal.Decimal
			}
		}
		if err := call(ctx, http.MethodPost, sandboxURL+"/_sandbox/crowd", nil, body, &answer); err != nil {
			return nil, err
		}
		made := make([]brokers.Invented, len(answer.Data))
		for i, m := range answer.Data {
			made[i] = brokers.Invented{
				UserID: m.User, Secret: secret.New(m.Secret), AuthorizationID: m.Connection, BrokerAccountID: m.Account,
				Broker: m.Broker, Institution: m.Institution, Number: m.Number, Cash: m.Cash,
			}
		}
		return made, nil
	}
}
