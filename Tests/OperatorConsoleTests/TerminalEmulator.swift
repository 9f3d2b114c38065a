// SPDX-License-Identifier: Apache-2.0

import OperatorConsole

/// A terminal that knows what the renderer sends, and nothing else: cursor position, SGR, erase
/// display, private modes, and printing with wide characters.
struct TerminalEmulator {
    struct Failure: Error { var reason: String }

    struct Position: Equatable {
        var character: Character
        var parameters: String
        var isContinuation: Bool
    }

    let size: ScreenSize
    var cells: [Position]
    var column = 0
    var row = 0
    var parameters = "0"
    var isSynchronized = false

    init(size: ScreenSize) {
        self.size = size
        self.cells = Array(
            repeating: Position(character: "x", parameters: "?", isContinuation: false),
            count: size.columns * size.rows)
    }

    mutating func apply(_ bytes: [UInt8]) throws {
        let characters = Array(String(decoding: bytes, as: UTF8.self))
        var index = 0
        while index < characters.count {
            let character = characters[index]
            index += 1
            guard character == "\u{1B}" else {
                try self.print(character)
                continue
            }
            guard index < characters.count, characters[index] == "[" else {
                throw Failure(reason: "ESC without [")
            }
            index += 1
            var text = ""
            while index < characters.count, !characters[index].isLetter {
                text.append(characters[index])
                index += 1
            }
            guard index < characters.count else { throw Failure(reason: "sequence cut off") }
            try self.perform(characters[index], text)
            index += 1
        }
    }

    private mutating func perform(_ final: Character, _ text: String) throws {
        switch (final, text) {
        case ("h", "?2026"): self.isSynchronized = true
        case ("l", "?2026"): self.isSynchronized = false
        case ("m", _): self.parameters = text
        case ("J", "2"):
            for index in self.cells.indices { self.cells[index] = self.blank }
        case ("H", _):
            let numbers = text.split(separator: ";").compactMap { Int($0) }
            guard numbers.count == 2, (1...self.size.rows).contains(numbers[0]),
                (1...self.size.columns).contains(numbers[1])
            else { throw Failure(reason: "cursor to \(text)") }
            self.row = numbers[0] - 1
            self.column = numbers[1] - 1
        default: throw Failure(reason: "unknown sequence \(text)\(final)")
        }
    }

    private var blank: Position {
        Position(character: " ", parameters: "0", isContinuation: false)
    }

    private mutating func print(_ character: Character) throws {
        guard self.isSynchronized else { throw Failure(reason: "outside a frame") }
        let width = TerminalText.width(character)
        guard self.column + width <= self.size.columns else {
            throw Failure(reason: "past the right edge")
        }
        let index = self.row * self.size.columns + self.column
        for offset in 0..<width { self.erase(index + offset) }
        self.cells[index] = Position(
            character: character, parameters: self.parameters, isContinuation: false)
        if width == 2 {
            self.cells[index + 1] = Position(
                character: " ", parameters: self.parameters, isContinuation: true)
        }
        self.column += width
    }

    /// Overwriting half of a wide character blanks the other half, as terminals do.
    private mutating func erase(_ index: Int) {
        if self.cells[index].isContinuation { self.cells[index - 1] = self.blank }
        let next = index + 1
        if next < self.cells.count, next % self.size.columns != 0, self.cells[next].isContinuation {
            self.cells[next] = self.blank
        }
    }

    /// Whether the terminal shows exactly this screen.
    func shows(_ screen: Screen, colors: ColorLevel) -> Bool {
        screen.size == self.size
            && zip(self.cells, screen.cells).allSatisfy { shown, cell in
                shown.character == cell.character && shown.isContinuation == cell.isContinuation
                    && shown.parameters == colors.parameters(cell.style)
            }
    }
}
