using System.Globalization;
using System.Text;

namespace Postern.Storage;

/// <summary>Many rows by few statements.</summary>
internal static class BulkInsert
{
    private const int RowsPerStatement = 500;

    public static async Task IntoAsync(StoreSession session, string table, IReadOnlyList<string> columns, IEnumerable<object?[]> rows, string onConflict, CancellationToken cancellation)
    {
        foreach (var chunk in rows.Chunk(RowsPerStatement))
        {
            await using var command = session.CreateCommand(Sql(table, columns, chunk.Length, onConflict));
            for (var row = 0; row < chunk.Length; row++)
            {
                for (var column = 0; column < columns.Count; column++)
                {
                    var parameter = command.CreateParameter();
                    parameter.ParameterName = Name(row, column);
                    parameter.Value = chunk[row][column] ?? DBNull.Value;
                    command.Parameters.Add(parameter);
                }
            }

            await command.ExecuteNonQueryAsync(cancellation);
        }
    }

    private static string Sql(string table, IReadOnlyList<string> columns, int rows, string onConflict)
    {
        var sql = new StringBuilder($"INSERT INTO {table} ({string.Join(", ", columns)}) VALUES ");
        for (var row = 0; row < rows; row++)
        {
            sql.Append(row == 0 ? "(" : ", (").AppendJoin(", ", Enumerable.Range(0, columns.Count).Select(column => "@" + Name(row, column))).Append(')');
        }

        return sql.Append(' ').Append(onConflict).ToString();
    }

    private static string Name(int row, int column) => string.Create(CultureInfo.InvariantCulture, $"r{row}c{column}");
}
