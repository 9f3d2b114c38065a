// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Finds the declaration of a path: exact ones first, then templates in file order.
///
/// Made once per configuration revision; looked up once per sensor, never per reading.
package struct SensorBook: Sendable {
    package let declarations: [SensorDeclaration]
    private let exact: [String: Int]
    private let templates: [Int]

    package init(_ declarations: [SensorDeclaration]) {
        self.declarations = declarations
        var exact: [String: Int] = [:]
        var templates: [Int] = []
        for (index, declaration) in declarations.enumerated() {
            if declaration.isTemplate {
                templates.append(index)
            } else if exact[declaration.pattern] == nil {
                exact[declaration.pattern] = index
            }
        }
        self.exact = exact
        self.templates = templates
    }

    /// Declarations of single sensors in file order: these exist before their first reading.
    package var declaredSensors: [SensorDeclaration] {
        self.declarations.filter { !$0.isTemplate }
    }

    /// The declaration that `path` falls under; nil if it is undeclared.
    package func declaration(for path: String) -> SensorDeclaration? {
        self.index(for: path).map { self.declarations[$0] }
    }

    /// The number, in file order, of the declaration that `path` falls under.
    package func index(for path: String) -> Int? {
        if let index = self.exact[path] { return index }
        return self.templates.first { PathTemplate.matches(self.declarations[$0].pattern, path) }
    }
}

extension MidwatchConfiguration {
    /// The sensors as a book.
    package var sensorBook: SensorBook { SensorBook(self.sensors) }
}
