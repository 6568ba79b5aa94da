using FsCheck;
using FsCheck.Fluent;

namespace Postern.Tests.Configuration;

/// <summary>Whatever stands in the file, reading it ends with options or with errors, and never with an exception.</summary>
public sealed class ConfigurationPropertyTests
{
    private static readonly string[] Pieces =
        ["\n", "  ", "- ", ": ", "{", "}", "[", "]", "&a ", "*a", "<<: *a", "null", "~", "''", "\"\\e\"", "${env:X}", "${file:x}", "$${", "!!str ", "%YAML 1.2\n---\n", "0", "true", "\t", "|", "é"];

    [Fact]
    public void Parse_DamagedFile_EndsWithOptionsOrErrors()
    {
        using var folder = new ConfigurationFolder();
        var damage = from at in Gen.Choose(0, ConfigurationFolder.Minimal.Length - 1)
                     from length in Gen.Choose(0, 12)
                     from piece in Gen.Elements(Pieces)
                     select (at, length, piece);

        Prop.ForAll(damage.ListOf(3).ToArbitrary(), damages =>
        {
            var text = ConfigurationFolder.Minimal;
            foreach (var (at, length, piece) in damages)
            {
                var start = Math.Min(at, text.Length);
                text = text[..start] + piece + text[Math.Min(text.Length, start + length)..];
            }

            var result = folder.Parse(text);
            return (result.Options is null) == result.Problems.Any(p => p.Severity == Postern.Configuration.Severity.Error)
                && result.Problems.All(p => p.Text.Length > 0 && !p.ToString().Any(char.IsControl));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));
    }
}
