/// The candidate that a person most likely meant by a mistyped word; nil if no candidate is close.
///
/// Close means at most one edit in three characters (at least one edit): an insertion, a deletion, a replacement, or two neighbours swapped. Case
/// does not count. Of equally close candidates the first wins.
package func nearestWord(to word: String, among candidates: some Sequence<String>) -> String? {
    let typed = Array(word.lowercased().unicodeScalars)
    guard typed.count <= 200 else { return nil }
    var nearest: (word: String, distance: Int)?
    for candidate in candidates {
        let known = Array(candidate.lowercased().unicodeScalars)
        let tolerance = max(1, max(typed.count, known.count) / 3)
        guard abs(typed.count - known.count) <= tolerance else { continue }
        let distance = editDistance(typed, known)
        // A word of one or two letters is one edit away from nearly everything: it must share a letter.
        guard distance <= tolerance, distance < min(typed.count, known.count), distance < nearest?.distance ?? .max else { continue }
        nearest = (candidate, distance)
    }
    return nearest?.word
}

/// The optimal string alignment distance, in three rows.
private func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for (row, scalar) in left.enumerated() {
        var current = [row + 1]
        for (column, other) in right.enumerated() {
            var distance = min(last[column] + (scalar == other ? 0 : 1), last[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, scalar == right[column - 1], left[row - 1] == other {
                distance = min(distance, beforeLast[column - 1] + 1)
            }
            current.append(distance)
        }
        (beforeLast, last) = (last, current)
    }
    return last[right.count]
}
