// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gustcloud/gust/internal/store"
)

var (
	// errConflict makes Update run the function again.
	errConflict = errors.New("store: conflict")
	// errConnect marks that no connection could be made.
	errConnect = errors.New("connect")
	// errNotCommitted marks a connection that was lost when certainly nothing had been committed.
	errNotCommitted = errors.New("connection lost")
)

// SQLSTATEs. Source: https://www.postgresql.org/docs/15/errcodes-appendix.html
const (
	stateConflict         = "GU001" // raised by gust_conflict: see schema.go
	stateSerialization    = "40001"
	stateDeadlock         = "40P01"
	stateLockTimeout      = "55P03"
	stateInvalidParameter = "22023"
	stateCanceled         = "57014" // also by statement_timeout
)

// lost says whether the connection is gone: any error but an answer after which the session goes on.
func lost(err error) bool {
	var pe *pgconn.PgError
	return err != nil && (!errors.As(err, &pe) || pe.Severity == "FATAL" || pe.Severity == "PANIC")
}

// state is the SQLSTATE of err, "" if the server did not answer.
func state(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// failure is what the users of the store get for err: nothing was committed.
func (s *Store) failure(ctx context.Context, err error) error {
	if cerr := ctx.Err(); cerr != nil {
		return fmt.Errorf("store: %w", cerr)
	}
	switch code := state(err); {
	case code == stateConflict, code == stateSerialization, code == stateDeadlock:
		return errConflict
	case code == stateLockTimeout, code == stateCanceled:
		return fmt.Errorf("store: %s: waited too long for others: %w", s.name, err)
	case errors.Is(err, errConnect):
		return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, s.name, err)
	case lost(err):
		return fmt.Errorf("%w: %s: %w: %w", store.ErrUnavailable, s.name, errNotCommitted, err)
	}
	return fmt.Errorf("store: %s: %w", s.name, err)
}
