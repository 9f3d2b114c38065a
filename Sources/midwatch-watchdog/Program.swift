// SPDX-License-Identifier: Apache-2.0

import Vitals

@main
struct Program {
    static func main() {
        _ = Stage.allCases
    }
}
