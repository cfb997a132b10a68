/// The first ones of a list that a database may have made long, and how many more there are: `1, 2, … and 4,999,990 more`.
package func shortList(_ elements: some Collection<some CustomStringConvertible>, separator: String = ", ", limit: Int = 10) -> String {
    let shown = elements.prefix(limit).map(\.description).joined(separator: separator)
    let hidden = elements.count - min(limit, elements.count)
    return hidden == 0 ? shown : "\(shown)\(separator)… and \(grouped(hidden)) more"
}

/// A number with commas between its thousands.
private func grouped(_ number: Int) -> String {
    var text = ""
    for (index, digit) in String(number).reversed().enumerated() {
        if index > 0, index % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return String(text.reversed())
}
