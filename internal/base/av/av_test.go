// SPDX-License-Identifier: Apache-2.0

package av_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/gustcloud/gust/internal/base/av"
)

// one of each kind, made anew for each call.
func values() map[string]av.Value {
	return map[string]av.Value{
		"none": {}, "S": av.String("a"), "empty S": av.String(""), "N": av.Number("1"), "B": av.Binary("a"),
		"true": av.Bool(true), "false": av.Bool(false), "NULL": av.Null(true), "not NULL": av.Null(false),
		"M": av.Map(map[string]av.Value{"a": av.String("x"), "b": av.List([]av.Value{av.Number("1")})}), "empty M": av.Map(nil),
		"L": av.List([]av.Value{av.String("a"), av.Null(true)}), "empty L": av.List([]av.Value{}),
		"SS": av.Set(av.SS, []string{"a", "b"}), "NS": av.Set(av.NS, []string{"a", "b"}), "BS": av.Set(av.BS, []string{"a", "b"}),
		"one": av.Set(av.SS, []string{"a"}), "twice": av.Set(av.SS, []string{"a", "a"}), "several": av.Ambiguous(),
	}
}

func TestEqual(t *testing.T) {
	others := values()
	for a, v := range values() {
		for b, w := range others {
			if got := v.Equal(w); got != (a == b) {
				t.Errorf("%s equals %s: %t", a, b, got)
			}
		}
		if !v.Clone().Equal(v) {
			t.Errorf("%s is not equal to its clone", a)
		}
	}
	if !av.Set(av.NS, []string{"1", "2"}).Equal(av.Set(av.NS, []string{"2", "1"})) {
		t.Error("the order of a set matters")
	}
	if av.List([]av.Value{av.Number("1"), av.Number("2")}).Equal(av.List([]av.Value{av.Number("2"), av.Number("1")})) {
		t.Error("the order of a list does not matter")
	}
	if av.Number("1.0").Equal(av.Number("1")) {
		t.Error("numbers are compared by value, which the documentation denies")
	}
}

func TestAccessors(t *testing.T) {
	v := values()
	if v["S"].Text() != "a" || v["N"].Text() != "1" || v["B"].Text() != "a" || !v["true"].Truth() || v["false"].Truth() {
		t.Error("scalars")
	}
	if v["M"].Map()["a"].Text() != "x" || v["L"].List()[1].Kind() != av.NULL || !slices.Equal(v["BS"].Set(), []string{"a", "b"}) {
		t.Error("collections")
	}
	if v["S"].Map() != nil || v["M"].List() != nil || v["L"].Set() != nil || v["SS"].Map() != nil || v["N"].Truth() {
		t.Error("what a value is not")
	}
	for k := av.S; k < av.Several; k++ {
		if av.KindOf(k.String()) != k {
			t.Errorf("%s is not the name of its kind", k)
		}
	}
	if av.KindOf("") != av.None || av.KindOf("X") != av.None || av.None.String() != "" || av.Kind(99).String() != "" {
		t.Error("names that are none")
	}
	if size := reflect.TypeFor[av.Value]().Size(); size != 32 {
		t.Errorf("a value takes %d bytes", size)
	}
}

// TestCloneSharesNothing changes what the original holds. That strings do not alias a request is tested with the codec.
func TestCloneSharesNothing(t *testing.T) {
	set := []string{"part"}
	inner := map[string]av.Value{"a": av.Set(av.SS, set)}
	elements := []av.Value{av.String("text"), av.Map(inner)}
	item := map[string]av.Value{"name": av.List(elements)}
	clone := av.CloneMap(item)
	set[0], elements[0], inner["a"] = "#", av.Value{}, av.Value{}
	want := av.List([]av.Value{av.String("text"), av.Map(map[string]av.Value{"a": av.Set(av.SS, []string{"part"})})})
	if len(clone) != 1 || !clone["name"].Equal(want) {
		t.Errorf("%v", clone)
	}
	if av.Map(nil).Clone().Map() != nil || av.List(nil).Clone().List() != nil {
		t.Error("what is absent became empty")
	}
}
