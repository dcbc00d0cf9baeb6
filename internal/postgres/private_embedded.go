package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// embedded is the last resort for ordinary users on machines without Postgres: it
// downloads one. Unproven: where this program was made nothing could be downloaded.
// It listens on loopback only, on a port free at the start.
type embedded struct {
	db   *embeddedpostgres.EmbeddedPostgres
	port uint32
}

func startEmbedded(ctx context.Context, o PrivateOptions, log *slog.Logger) (*Private, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("start downloaded database: %w", err)
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, fmt.Errorf("start downloaded database: %w", err)
	}
	log.WarnContext(ctx, "no Postgres on this machine, downloading one; this way is unproven", "dir", dir)
	params := map[string]string{"listen_addresses": "127.0.0.1", "timezone": "UTC"}
	if o.Throwaway {
		params["fsync"] = "off"
	}
	db := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Port(port).Username(privateUser).Password(privateUser).Database("postgres").
		DataPath(filepath.Join(dir, "data")).RuntimePath(filepath.Join(dir, "runtime")).
		CachePath(filepath.Join(dir, "download")).StartParameters(params).StartTimeout(startWait))
	if err := db.Start(); err != nil {
		return nil, fmt.Errorf("%w (downloading one: %w)", errNoBinaries, err)
	}
	return &Private{log: log, fallback: &embedded{db: db, port: port}}, nil
}

func (e *embedded) url(dbname string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", privateUser, privateUser, e.port, dbname)
}

func (e *embedded) stop() error {
	if err := e.db.Stop(); err != nil {
		return fmt.Errorf("stop downloaded database: %w", err)
	}
	return nil
}

func freePort(ctx context.Context) (uint32, error) {
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	address, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return uint32(address.Port()), nil
}
