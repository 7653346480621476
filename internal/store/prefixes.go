// SPDX-License-Identifier: Apache-2.0

package store

// The first byte of every key. A prefix is never reused for something else. 00 and FF belong to the engines: CheckKey
// refuses them.
//
// Two shapes exist: what has a name stands under account and region, so that a scan never crosses a tenant; what a
// resource owns stands under its 8-byte id (AllocateID), so that deleting it is one DeleteRange and a resource created
// again under the same name never sees old data.
const (
	PrefixIDs    byte = 'c' // the counter of AllocateID
	PrefixName   byte = 'n' // account, region, service, kind, name -> the record that holds the resource's id
	PrefixIAM    byte = 'i' // account, kind, ...: IAM has no region
	PrefixServer byte = 'k' // name -> what the server keeps for itself: keys
	PrefixLambda byte = 'f' // function id, subspace, ...
	PrefixLogs   byte = 'l' // log group id, subspace, ...
)

// NameKey is where the record of a named resource stands: PrefixName account region service kind name.
func NameKey(account, region, service, kind, name string) []byte {
	return Key(PrefixName, account, region, service, kind, name)
}

// NameRange is all resources of one kind of a tenant, in the order of their names.
func NameRange(account, region, service, kind string) Range {
	return PrefixRange(Key(PrefixName, account, region, service, kind))
}

// ResourceKey starts the key of something that a resource owns: prefix, its id, a subspace chosen by the service.
func ResourceKey(prefix byte, id uint64, subspace byte) []byte {
	return append(AppendUint64(append(make([]byte, 0, 64), prefix), id), subspace)
}

// ResourceRange is everything that a resource owns.
func ResourceRange(prefix byte, id uint64) Range {
	return PrefixRange(AppendUint64([]byte{prefix}, id))
}
