// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/access"
	api "github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/store"
)

const (
	// maxCachedKeys bounds the cache; when it is full it starts again.
	maxCachedKeys = 10_000
	// maxKeyAge bounds how long a key that another node of the same store has changed is still taken for what it was.
	maxKeyAge = 5 * time.Second
)

// keyCache remembers the access keys that requests were signed with, and when. Only keys that exist are in it, so that
// made-up ids cost a read of the store but no memory.
type keyCache struct {
	mu    sync.Mutex
	found map[string]cachedKey
	// changes counts calls of forget: what was read before a change must not be remembered after it.
	changes uint64
	used    map[string]lastUse // not written yet
}

type cachedKey struct {
	access.Key
	read time.Time // not later than the store was asked
}

func (c *keyCache) get(id string, now time.Time) (k access.Key, ok bool, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.found[id]
	return found.Key, ok && now.Sub(found.read) < maxKeyAge, c.changes
}

// put remembers a key that was read when the cache had seen that many changes.
func (c *keyCache) put(id string, k cachedKey, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if changes != c.changes {
		return
	}
	if c.found == nil || len(c.found) >= maxCachedKeys {
		c.found = map[string]cachedKey{}
	}
	c.found[strings.Clone(id)] = k
}

func (c *keyCache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.found, id)
}

func (c *keyCache) lastUse(id string) (lastUse, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := c.used[id]
	return u, ok
}

var _ access.Keys = (*Service)(nil)

// Key implements access.Keys.
func (s *Service) Key(ctx context.Context, accessKeyID string) (access.Key, bool, error) {
	now := s.Clock.Now()
	key, ok, changes := s.cache.get(accessKeyID, now)
	if ok {
		return key, true, nil
	}
	var found bool
	err := s.Store.View(ctx, func(rd store.Reader) error {
		k, ok, err := accessKeys.Get(rd, accessKeyKey(accessKeyID))
		if found = ok; err != nil || !ok {
			return err
		}
		o, err := ownerOf(rd, k.Account, k.User)
		if err != nil {
			return err
		}
		key = access.Key{Principal: access.Root(k.Account), Secret: k.Secret, Active: k.Status == api.StatusTypeActive}
		if k.User != "" {
			key.Principal = access.Principal{ARN: o.user.arn(k.Account), Account: k.Account, UserID: o.user.ID}
		}
		return nil
	})
	if err != nil || !found {
		return access.Key{}, false, err
	}
	s.cache.put(accessKeyID, cachedKey{key, now}, changes)
	return key, true, nil
}

// Used implements access.Keys.
func (s *Service) Used(accessKeyID, region, service string, now time.Time) {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	if _, ok := s.cache.found[accessKeyID]; !ok {
		return // deleted meanwhile
	}
	if u, ok := s.cache.used[accessKeyID]; ok && u.Service == service && u.Region == region && now.Sub(u.At) < time.Second {
		return
	}
	if s.cache.used == nil {
		s.cache.used = map[string]lastUse{}
	}
	s.cache.used[strings.Clone(accessKeyID)] = lastUse{At: now.UTC(), Region: strings.Clone(region), Service: strings.Clone(service)}
}

// usesEvery is how often the last uses of access keys are written; a crash loses those since.
const usesEvery = time.Minute

// writeUses writes the last uses that were noted since it was called last.
func (s *Service) writeUses(ctx context.Context) error {
	s.cache.mu.Lock()
	used := s.cache.used
	s.cache.used = nil
	s.cache.mu.Unlock()
	if len(used) == 0 {
		return nil
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		for id, u := range used {
			_, found, err := accessKeys.Get(tx, accessKeyKey(id))
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			if err := uses.Put(tx, usedKey(id), u); err != nil {
				return err
			}
		}
		return nil
	})
}

// RootKey makes an access key of the account's root when there is none, or with reset in the place of those that there
// are; made tells whether it did. Without it the result is empty: secrets are shown once.
func (s *Service) RootKey(ctx context.Context, account string, reset bool) (c access.Credentials, made bool, err error) {
	k := s.newKey(account, "")
	var old []string
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		o, err := ownerOf(tx, account, "")
		if err != nil {
			return err
		}
		old = o.keys()
		if made = reset || len(old) == 0; !made {
			return nil
		}
		for _, id := range old {
			tx.Delete(accessKeyKey(id))
			tx.Delete(usedKey(id))
		}
		return o.put(tx, []string{k.ID}, &k)
	})
	for _, id := range old {
		s.cache.forget(id)
	}
	if err != nil || !made {
		return access.Credentials{}, false, err
	}
	return access.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}, true, nil
}
