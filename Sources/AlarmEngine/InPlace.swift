// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Makes the value that holds it stay where it is: it is lent by its address.
///
/// Swift 6.3.1 lends a value that it could hold in registers by a copy on the stack, however large:
/// at every call of a method that does not mutate, the 2,840 bytes of an `AlarmEngine` were copied
/// (measured: a third of the instructions of a reading). A value with an atomic in it has no copy.
struct InPlace: ~Copyable, Sendable {
    private let byte = Atomic<UInt8>(0)
}
