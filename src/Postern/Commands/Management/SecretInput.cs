using System.Text;

namespace Postern.Commands.Management;

/// <summary>Secrets that people or scripts give: from a file, from stdin, or typed without being shown.</summary>
internal static class SecretInput
{
    private const int Longest = 64 * 1024;

    /// <summary>The first line of a file, or of stdin for -.</summary>
    public static async Task<string> ReadAsync(string file, CancellationToken cancellation)
    {
        await using var stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
        using var reader = new StreamReader(stream);
        var buffer = new char[Longest];
        var length = await reader.ReadBlockAsync(buffer, cancellation);
        var text = new string(buffer, 0, length);
        var end = text.AsSpan().IndexOfAny('\r', '\n');
        return end < 0 ? text : text[..end];
    }

    /// <summary>A password: of the file, typed twice at a terminal, or the first line of stdin. Null, with why, where there is none.</summary>
    public static async Task<(string? Password, string Wrong)> PasswordAsync(string? file, TextWriter prompts, CancellationToken cancellation)
    {
        if (file is not null || Console.IsInputRedirected)
        {
            return (await ReadAsync(file ?? "-", cancellation), "");
        }

        var first = Type("Password: ", prompts);
        return Type("Once more: ", prompts) == first ? (first, "") : (null, "the two weren't the same");
    }

    private static string Type(string prompt, TextWriter prompts)
    {
        prompts.Write(prompt);
        var text = new StringBuilder();
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                text.Length = Math.Max(0, text.Length - 1);
            }
            else if (!char.IsControl(key.KeyChar))
            {
                text.Append(key.KeyChar);
            }
        }

        prompts.WriteLine();
        return text.ToString();
    }
}
