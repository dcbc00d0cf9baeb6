package redis

import (
	"context"
	"errors"

	goredis "github.com/redis/go-redis/v9"

	"github.com/alertsify/alertsify/internal/trace"
)

// commands makes a span of each exchange: the command's name, never its keys or values.
type commands struct{}

// DialHook leaves connecting alone.
func (commands) DialHook(next goredis.DialHook) goredis.DialHook { return next }

// ProcessHook tells of a command.
func (commands) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		ctx, span := trace.Start(ctx, "redis "+cmd.Name(), trace.Client)
		err := next(ctx, cmd)
		if errors.Is(err, goredis.Nil) {
			span.End(nil)
			return err
		}
		span.End(err)
		return err
	}
}

// ProcessPipelineHook tells of several at once.
func (commands) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, list []goredis.Cmder) error {
		ctx, span := trace.Start(ctx, "redis pipeline", trace.Client, trace.Number("commands", len(list)))
		err := next(ctx, list)
		span.End(err)
		return err
	}
}
