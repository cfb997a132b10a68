package import ConvoyText
import FoundationEssentials

extension MigrationSet {
    /// The newest checkpoint that brings an empty database no further than a target; nil if there is none.
    ///
    /// - Parameter target: nil means the newest version.
    package func checkpoint(upTo target: MigrationVersion?) -> Checkpoint? {
        checkpoints.last { checkpoint in target.map { checkpoint.version <= $0 } != false }
    }

    /// The versions that a checkpoint stands for, oldest first.
    package func versions(of checkpoint: Checkpoint) -> ArraySlice<MigrationVersion> {
        versions.prefix { $0 <= checkpoint.version }
    }

    /// Refuses a set with a checkpoint that was edited or is stale: before a run that could start a database with it.
    ///
    /// - Throws: every problem of every checkpoint together.
    package func requireSoundCheckpoints() throws(Problems) {
        guard checkpointProblems.isEmpty else { throw Problems(checkpointProblems) }
    }

    /// Reads the files `checkpoints/<version>.sql`. Their problems do not keep the set from being read: only what starts a database needs them, and
    /// the command that writes them anew must be able to read the set.
    func readingCheckpoints(_ directory: String, displayedAs: String) -> MigrationSet {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory) else { return self }
        guard isDirectory else {
            return having(
                checkpoints: [],
                problems: [Problem(file: displayedAs, "this is a file, not the directory of checkpoints", hint: "rename or remove it")]
            )
        }
        var problems: [Problem] = []
        var found: [Checkpoint] = []
        do throws(Problems) {
            for name in try Self.fileNames(directory: directory, displayedAs: displayedAs) {
                do throws(Problems) {
                    let shown = Self.join(displayedAs, name)
                    let contents = try Self.contents(of: Self.join(directory, name), displayedAs: shown)
                    found.append(try Checkpoint.parse(contents: contents, file: shown))
                } catch {
                    problems += error.problems
                }
            }
        } catch {
            problems += error.problems
        }
        return having(checkpoints: found, problems: problems)
    }
}
