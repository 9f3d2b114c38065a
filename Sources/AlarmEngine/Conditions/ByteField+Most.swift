// SPDX-License-Identifier: Apache-2.0

extension ByteField {
    /// A byte that holds a number: at most `most`.
    init<Root>(_ path: KeyPath<Root, UInt8>, most: UInt8) {
        self.offset = MemoryLayout<Root>.offset(of: path)
        self.most = most
    }
}
