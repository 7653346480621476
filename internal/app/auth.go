// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/admin"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/services/iam"
	"github.com/gustcloud/gust/internal/store/blob"
)

// authenticator is who judges requests. In enforce mode the first start makes root credentials.
func (s *server) authenticator(ctx context.Context, c Config, keys *iam.Service, sessions *access.Sessions) (frontdoor.Authenticator, error) {
	if c.Auth != authEnforce {
		return access.Development{Sessions: sessions}, nil
	}
	root, made, err := keys.RootKey(ctx, access.DefaultAccount, c.ResetRoot)
	if err != nil {
		return nil, fmt.Errorf("root credentials: %w", err)
	}
	if made {
		if err := s.printRoot(root); err != nil {
			return nil, err
		}
		s.log.InfoContext(ctx, "root credentials were made and printed on the standard output; they are not shown again",
			"account", access.DefaultAccount)
	}
	return access.NewEnforce(keys, sessions), nil
}

// printRoot prints the credentials in the form of a file of environment variables.
func (s *server) printRoot(root access.Credentials) error {
	_, err := fmt.Fprintf(s.out, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", root.AccessKeyID, root.SecretAccessKey)
	if err != nil {
		return &setupError{
			fmt.Errorf("root credentials were made but not printed: %w", err),
			"Make others, with a standard output that can be written: gust serve --auth enforce --reset-root",
		}
	}
	return nil
}

// codeLink is how the Lambda service makes links that the operator's door answers.
func codeLink(links *access.Sessions, clk clock.Clock) func(host, account string, code blob.Ref) string {
	return func(host, account string, code blob.Ref) string {
		return admin.CodeURL(links, host, account, code, clk.Now())
	}
}
