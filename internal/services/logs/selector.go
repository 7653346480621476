// SPDX-License-Identifier: Apache-2.0

package logs

func parseSelector(string) (pattern, error) {
	return nil, invalidPattern("Gust does not support patterns of JSON fields ({...}) yet")
}
