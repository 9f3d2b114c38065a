// SPDX-License-Identifier: Apache-2.0

extension TerminalText {
    /// `text`, cleaned, in lines of at most `columns`, broken at blanks; a word that is longer than
    /// a line is broken where the line ends.
    package static func wrapped(_ text: String, to columns: Int) -> [String] {
        let columns = max(2, columns)
        var lines: [String] = []
        var line = ""
        var used = 0
        for word in self.clean(text).split(separator: " ") {
            var word = word
            var width = self.width(String(word))
            if used > 0, used + 1 + width > columns {
                lines.append(line)
                (line, used) = ("", 0)
            }
            if used > 0 {
                line += " "
                used += 1
            }
            while width > columns {
                let head = self.head(word, columns)
                lines.append(String(head))
                word = word[head.endIndex...]
                width = self.width(String(word))
            }
            line += word
            used += width
        }
        if used > 0 { lines.append(line) }
        return lines
    }

    /// The longest beginning of a word that fits.
    private static func head(_ word: Substring, _ columns: Int) -> Substring {
        var used = 0
        var end = word.startIndex
        for index in word.indices {
            used += self.width(word[index])
            guard used <= columns else { break }
            end = word.index(after: index)
        }
        return word[..<end]
    }
}
