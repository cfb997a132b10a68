import ConvoyPostgres
import FoundationEssentials
import TeslaMate
import TestSupport

extension TestDatabase {
    /// Stores the rows of a generated installation, in the tables and columns that this database has.
    func fill(with installation: PlausibleInstallation, encryptionKey: String) async throws {
        let empty = try await StoredRows(of: self, encryptionKey: encryptionKey)
        let cipher = TokenCipher(encryptionKey: encryptionKey)
        var (inserts, parameters): ([String], [String]) = ([], [])
        for (name, table) in empty.tables.sorted(by: { $0.key < $1.key }) {
            let rows = installation.rows[name == "public.trips" ? "drives" : String(name.drop { $0 != "." }.dropFirst())] ?? []
            let columns = table.types.sorted { $0.key < $1.key }
            let texts = try rows.map { row in
                try columns.reduce(into: [String: String?]()) { texts, column in
                    guard let value = row[column.key] else {
                        throw TestSupportError("what is in \(name).\(column.key)? The generator does not know")
                    }
                    texts.updateValue(try value.written(as: column.value, encryptedBy: cipher), forKey: column.key)
                }
            }
            guard !texts.isEmpty else { continue }
            parameters.append(String(decoding: try JSONEncoder().encode(texts), as: UTF8.self))
            let names = columns.map { "\"\($0.key)\"" }
            // What is for a JSON column arrives as a JSON string.
            let values = zip(columns, names).map { column, name in column.value == "jsonb" ? "(\(name) #>> '{}')::jsonb" : name }
            inserts.append(
                """
                "\(name)" AS (
                    INSERT INTO \(name) (\(names.joined(separator: ", "))) SELECT \(values.joined(separator: ", "))
                    FROM json_populate_recordset(NULL::\(name), $\(parameters.count)::text::json)
                )
                """
            )
        }
        let connection = try await connect()
        defer { connection.close() }
        if empty.tables["public.settings"] != nil { try await connection.query("DELETE FROM public.settings") }
        // One statement: tables that refer to each other are checked at its end.
        try await connection.query("WITH \(inserts.joined(separator: ",\n")) SELECT", parameters)
        for (name, table) in empty.tables where table.types["id"] != nil {
            try await connection.query("SELECT setval(pg_get_serial_sequence('\(name)', 'id'), max(id)) FROM \(name) HAVING count(*) > 0")
        }
    }
}
