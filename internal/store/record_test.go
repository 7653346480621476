// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/storetest"
)

type thing struct {
	Name string
	Size int `json:",omitempty"`
	Bad  any `json:",omitempty"`
}

var things = store.Record[thing]{Name: "thing", Version: 2, Upgrade: func(version byte, data []byte) (thing, error) {
	var old struct{ Title string }
	err := json.Unmarshal(data, &old)
	return thing{Name: fmt.Sprintf("%s of version %d", old.Title, version)}, err
}}

func TestRecordIsWrittenAndRead(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		if _, found, err := things.Get(tx, []byte("t1")); found || err != nil {
			t.Errorf("before: %v, %v", found, err)
		}
		tx.Set([]byte("t0"), []byte("\x01{\"Title\":\"old\"}"))
		return errors.Join(things.Put(tx, []byte("t1"), thing{Name: "one"}), things.Put(tx, []byte("t2"), thing{Name: "two", Size: 2}))
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(t.Context(), func(r store.Reader) error {
		got, found, err := things.Get(r, []byte("t2"))
		if !found || got.Name != "two" || got.Size != 2 {
			t.Errorf("t2 = %+v, %v", got, found)
		}
		var all []string
		for e, err := range things.Scan(r, store.PrefixRange([]byte("t")), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			all = append(all, string(e.Key)+"="+e.Value.Name)
		}
		if got, want := strings.Join(all, ", "), "t0=old of version 1, t1=one, t2=two"; got != want {
			t.Errorf("scan: %s, want %s", got, want)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestRecordRefusesWhatItDidNotWrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, data, want string }{
		{"empty", "", "empty record"},
		{"version 0", "\x00{}", "encoding version 0, this version of gust reads 1 to 2"},
		{"newer version", "\x03{}", "encoding version 3"},
		{"no JSON", "\x02{", "damaged record"},
		{"another type", "\x02[]", "damaged record"},
		{"bytes behind", "\x02{}x", "damaged record"},
		{"old one damaged", "\x01", "unexpected end of JSON"},
	} {
		s := storetest.New(t)
		err := s.Update(t.Context(), func(tx store.Tx) error {
			tx.Set([]byte("key"), []byte(tt.data))
			_, found, err := things.Get(tx, []byte("key"))
			if found {
				t.Errorf("%s: found", tt.name)
			}
			for _, scanErr := range things.Scan(tx, store.Range{}, store.ScanOptions{}) {
				if scanErr == nil || scanErr.Error() != err.Error() {
					t.Errorf("%s: scan gives %v", tt.name, scanErr)
				}
			}
			return err
		})
		var re *store.RecordError
		if !errors.As(err, &re) || string(re.Key) != "key" || !strings.Contains(err.Error(), "thing at key") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want RecordError with %q", tt.name, err, tt.want)
		}
	}
}

func TestRecordThatCannotBeStored(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for _, tt := range []struct {
		name  string
		value thing
		want  error
	}{
		{"no JSON", thing{Bad: func() {}}, new(store.RecordError)},
		{"too large", thing{Name: strings.Repeat("x", store.MaxValue)}, store.ErrTooLarge},
	} {
		err := s.Update(t.Context(), func(tx store.Tx) error { return things.Put(tx, []byte("k"), tt.value) })
		if re := new(*store.RecordError); !errors.Is(err, tt.want) && !errors.As(err, re) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAllocateIDRefusesADamagedCounter(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		tx.Set([]byte{store.PrefixIDs}, []byte("short"))
		_, err := store.AllocateID(tx)
		return err
	})
	if !errors.As(err, new(*store.RecordError)) {
		t.Errorf("got %v, want RecordError", err)
	}
}
