// SPDX-License-Identifier: Apache-2.0

package wire

// typeEventStream is the media type of event streams.
const typeEventStream = "application/vnd.amazon.eventstream"
